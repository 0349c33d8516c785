// What clerks do, one dialog each. The door dialogs follow the sensors.

import { api, post, t, word, h, icon, button, dialog, ask, form, field, toast, attempt, countdown, moment, day, Problem } from './ui.js';
import { data, delivery, compartment, onChange, refresh, look } from './data.js';
import { showSlip } from './slip.js';

export const kindsText = (d) => d.kinds.map((k) => word('kind', k)).join(', ');

// watched opens a dialog that is drawn again with every change.
function watched(title, draw, options = {}) {
  let last = '';
  const d = dialog(title, '', { ...options, onclose: () => { stop(); options.onclose?.(); } });
  const show = () => {
    const view = draw(d);
    if (!view || view.key === last) return;
    last = view.key;
    d.set(view.content);
  };
  const stop = onChange(show);
  show();
  return d;
}

// door draws the compartment with its door, open or closed.
function door(n, state, text, detail) {
  return [h('div.doorbox' + (state === 'open' ? '.isopen' : ''), { 'aria-hidden': 'true' }, h('div.inside'), h('div.leaf', null, String(n))),
    h('p.say', { role: 'status' }, text), detail && h('p.detail', null, detail)];
}

// follow tells live what happens at a compartment until its intent is over.
function follow(n, id, purpose, title, finish) {
  watched(title, (dlg) => {
    const c = compartment(n);
    if (!c) return null;
    const i = c.intent;
    if (!i || i.purpose !== purpose) return finish(c, delivery(id), dlg);
    const key = `${i.phase} ${i.stage} ${c.door.open}`;
    if (i.phase === 'asking') return { key, content: asks(purpose, n, id) };
    if (i.phase === 'open' || c.door.open === 'yes') return { key, content: door(n, 'open', t(`flow.${purpose}.open`, { n }), i.stage > 0 && t('flow.close_door')) };
    return { key, content: door(n, 'closed', t('flow.opening', { n }), t('flow.opening.wait')) };
  });
}

const done = (text, ...rest) => [h('div.done', null, icon('ready')), h('p.say', { role: 'status' }, text), rest];
const failed = (text, ...rest) => [h('div.done.bad', null, icon('fault')), h('p.say', { role: 'alert' }, text), rest];
const closing = (dlg) => h('div.row.end', null, h('button.primary', { type: 'button', onclick: dlg.close }, t('page.close')));

// asks is for compartments without a presence sensor.
function asks(purpose, n, id) {
  const say = (path, body) => async () => { await post(path, body); await refresh(); };
  if (purpose === 'load') return [door(n, 'closed', t('flow.load.ask')), h('div.row.centre', null,
    button(t('flow.load.yes'), say(`/deliveries/${id}/loaded`, { inside: true }), { kind: 'primary', key: 'y' }),
    button(t('flow.load.no'), say(`/deliveries/${id}/loaded`, { inside: false }), { key: 'n' }))];
  if (purpose === 'retrieve') return [door(n, 'closed', t('flow.retrieve.ask')), h('div.row.centre', null,
    button(t('flow.retrieve.yes'), say(`/deliveries/${id}/retrieved`, { taken: true }), { kind: 'primary', key: 'y' }),
    button(t('flow.retrieve.missing'), say(`/deliveries/${id}/retrieved`, { missing: true }), { kind: 'danger', key: 'm' }))];
  return [door(n, 'closed', t('flow.inspect.ask', { n })), findings(n, false, () => {})];
}

// findings are the three answers to "what is inside?". Where documents should
// be, "they are not" makes a dispute, so it is asked once more.
export function findings(n, byKey, after) {
  const c = compartment(n);
  const expected = delivery(c?.delivery);
  const say = (finding, id) => () => {
    const body = { finding, ...(id && { delivery: id }), ...(byKey && { by_key: true }) };
    if (!expected || finding === 'document') return tell(body);
    return ask(t('finding.sure', { n }), t('finding.sure_text', { ref: expected.reference }), t('finding.sure_yes'), () => tell(body));
  };
  const tell = async (body, then = after) => {
    try { await post(`/compartments/${n}/inspected`, body); } catch (x) {
      if (x.code === 'sensor_disagrees') return ask(t('finding.sensor', { n }), x.message, t('finding.sensor_yes'), () => tell({ ...body, sure: true }, then));
      if (x.code === 'unknown_delivery' && x.compartment && !x.delivery) return stranger(n, x.message, (done) => tell({ finding: 'empty', ...(byKey && { by_key: true }) }, () => { after(); done(); }));
      throw x;
    }
    await refresh();
    then();
  };
  return h('div.row.centre.wrap', null,
    button(t('finding.empty'), say('empty'), { key: 'e' + n, sign: 'free' }),
    c?.delivery ? button(t('finding.document', { ref: delivery(c.delivery)?.reference ?? c.delivery }), say('document', c.delivery), { key: 'd' + n, sign: 'occupied' })
      : button(t('finding.document_unknown'), say('document'), { key: 'd' + n, sign: 'occupied' }),
    button(t('finding.other'), say('other'), { key: 'o' + n, sign: 'to_check' }));
}

// stranger is for a document that the station knows nothing of, as after the
// loss of its store: out, reported empty, announced anew.
function stranger(n, text, empty) {
  const d = dialog(t('finding.unknown', { n }), [h('p', null, text), h('div.row.end', null,
    h('button', { type: 'button', onclick: () => d.close() }, t('page.close')),
    button(t('finding.unknown_empty'), () => empty(() => d.set(h('p', { role: 'status' }, t('finding.unknown_done', { n })), h('div.row.end', null,
      h('button', { type: 'button', onclick: () => d.close() }, t('page.close')),
      button(t('action.announce'), () => { d.close(); announce(); }, { kind: 'primary', sign: 'add' })))), { kind: 'primary', sign: 'free' }))]);
}

// load finds the announced delivery by what was typed or scanned.
export async function loadByReference(text) {
  const ref = text.trim();
  if (!ref) return;
  const r = await api('GET', `/deliveries?reference=${encodeURIComponent(ref)}&limit=20`);
  const same = r.deliveries.filter((d) => d.reference.toLowerCase() === ref.toLowerCase());
  const found = same.find((d) => d.actions.includes('load')) ?? same[0] ?? (r.deliveries.length === 1 ? r.deliveries[0] : null);
  if (!found) throw new Problem({ detail: r.deliveries.length ? t('load.several', { ref }) : t('load.none', { ref }) });
  if (!found.actions.includes('load')) throw new Problem({ detail: t('load.wrong_state', { ref: found.reference, state: word('state', found.state) }) });
  await startLoad(found);
}

export async function startLoad(d) {
  if (d.open_conditions.length || d.needs_approval) return prepare(d);
  const a = await post(`/deliveries/${d.id}/load`);
  await refresh();
  followLoad(a.compartment || delivery(d.id)?.compartment, d.id, d.reference);
}

export function followLoad(n, id, ref) {
  follow(n, id, 'load', t('flow.load.title', { ref }), (c, d, dlg) => {
    if (d && d.compartment === n && ['settling', 'ready', 'due'].includes(d.state)) return { key: 'done', content: done(t('flow.load.done', { n }),
      d.state === 'settling' && h('p.detail', null, t('flow.load.grace'), ' ', countdown(d.grace_seconds)),
      h('div.row.centre', null, button(t('flow.load.next'), () => { dlg.close(); document.getElementById('scan')?.focus(); }, { kind: 'primary', key: 'next' }),
        d.actions.includes('correct') && button(t('action.correct'), () => { dlg.close(); return correct(d); }, { key: 'corr' }))) };
    return { key: 'failed', content: failed(c.fault ? t('flow.load.fault', { n }) : t('flow.load.failed'),
      h('div.row.centre', null, d?.actions.includes('load') && button(t('flow.again'), () => { dlg.close(); return startLoad(d); }, { kind: 'primary', key: 'again' }), button(t('page.close'), dlg.close, { key: 'c' }))) };
  });
}

// prepare asks for what is still open before a delivery may be loaded.
function prepare(d) {
  const dlg = dialog(t('prepare.title', { ref: d.reference }), '');
  const draw = (d) => {
    const boxes = d.open_conditions.map((c) => h('label.check', null, h('input', { type: 'checkbox', value: c }), h('span', null, word('condition', c))));
    const pair = d.needs_approval && secondFields();
    dlg.set(form([boxes.length > 0 && [h('p', null, t('prepare.conditions')), boxes], pair && [h('h3', null, t('prepare.second')), h('p', null, t('prepare.second_hint')), pair.content]],
      t('prepare.go'), async (f) => {
        for (const box of f.querySelectorAll('input[type=checkbox]:checked')) await post(`/deliveries/${d.id}/confirm`, { condition: box.value });
        if (pair && pair.filled()) await post(`/deliveries/${d.id}/approve`, { second: pair.value() });
        const now = await api('GET', `/deliveries/${d.id}`);
        if (now.open_conditions.length || now.needs_approval) { draw(now); throw new Problem({ detail: t('prepare.still') }); }
        dlg.close();
        await attempt(null, () => startLoad(now));
      }));
  };
  draw(d);
}

function secondFields() {
  const user = h('input', { autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false' });
  const pass = h('input', { type: 'password', autocomplete: 'off' });
  return {
    content: h('div.grid2', null, field(t('second.user'), user), field(t('second.password'), pass)),
    filled: () => user.value !== '' || pass.value !== '', value: () => ({ user: user.value.trim().toLowerCase(), password: pass.value }),
  };
}

export async function correct(d) {
  const a = await post(`/deliveries/${d.id}/correct`);
  await refresh();
  followLoad(a.compartment || d.compartment, d.id, d.reference);
}

export async function retrieve(d) {
  const a = await post(`/deliveries/${d.id}/retrieve`);
  await refresh();
  const n = a.compartment || d.compartment;
  follow(n, d.id, 'retrieve', t('flow.retrieve.title', { ref: d.reference }), (c, now, dlg) => {
    if (!now || now.state === 'retrieved') return { key: 'done', content: done(t('flow.retrieve.done', { ref: d.reference }), closing(dlg)) };
    return { key: 'failed', content: failed(now.state === 'disputed' && d.state !== 'disputed' ? t('flow.retrieve.dispute') : t('flow.retrieve.failed'), closing(dlg)) };
  });
}

// retrieved is the clerk's word when the door was opened by key, or when a
// sensor still saw something.
export function retrieved(d) {
  const dlg = dialog(t('flow.retrieve.title', { ref: d.reference }), '');
  const say = (body) => async () => { await post(`/deliveries/${d.id}/retrieved`, body); await refresh(); dlg.close(); };
  dlg.set(h('p.say', null, t('flow.retrieve.ask')), h('div.row.centre', null,
    button(t('flow.retrieve.yes'), say({ taken: true }), { kind: 'primary' }), button(t('flow.retrieve.missing'), say({ missing: true }), { kind: 'danger' })));
}

export async function inspect(n) {
  await post(`/compartments/${n}/inspect`);
  await refresh();
  follow(n, 0, 'inspect', t('flow.inspect.title', { n }), (c, d, dlg) =>
    c.use === 'to_check' ? { key: 'ask', content: [door(n, 'closed', t('flow.inspect.ask', { n })), findings(n, false, () => {})] }
      : { key: 'done' + c.status, content: done(t('flow.inspect.done', { n, status: word('status', look(c)) }), closing(dlg)) });
}

export function extend(d) {
  const days = h('input', { type: 'number', min: 1, max: 30, value: 5, inputmode: 'numeric' });
  const dlg = dialog(t('extend.title', { ref: d.reference }), form([h('p', null, t('extend.now', { day: day(d.hold_until) })), field(t('extend.days'), days, t('extend.hint'))],
    t('action.extend'), async () => { await post(`/deliveries/${d.id}/extend`, { days: Number(days.value) }); await refresh(); dlg.close(); toast(t('extend.done')); }));
}

export const reissue = (d) => ask(t('reissue.title'), t(d.has_contact ? 'reissue.text_contact' : 'reissue.text_slip', { ref: d.reference }), t('action.reissue'),
  async () => { await post(`/deliveries/${d.id}/reissue`); await refresh(); toast(t('reissue.done')); });

export const cancel = (d) => ask(t('cancel.title', { ref: d.reference }), d.compartment ? t('cancel.text', { n: d.compartment }) : t('cancel.text_announced'), t('cancel.yes'),
  async () => { await post(`/deliveries/${d.id}/cancel`); await refresh(); toast(t('cancel.done')); });

export function relocate(d) {
  const to = h('select', null, h('option', { value: 0 }, t('relocate.any')), data.compartments.filter((c) => c.status === 'free').map((c) => h('option', { value: c.number }, `${c.number} (${c.size})`)));
  const dlg = dialog(t('relocate.title', { ref: d.reference }), form([h('p', null, t('relocate.text', { n: d.compartment })), field(t('relocate.to'), to)], t('relocate.go'), async () => {
    const a = await post(`/deliveries/${d.id}/relocate`, { to: Number(to.value) });
    await refresh();
    dlg.close();
    followLoad(a.compartment, d.id, d.reference);
  }));
}

export function settle(d) {
  const pair = secondFields();
  const choice = ['ready', 'collected', 'lost'].map((v, i) => h('label.check', null, h('input', { type: 'radio', name: 'as', value: v, autofocus: i === 0 }), h('span', null, h('b', null, t(`settle.${v}`)), h('small', null, t(`settle.${v}.hint`)))));
  const dlg = dialog(t('settle.title', { ref: d.reference }), form([h('p', null, t('settle.text')), choice, h('h3', null, t('settle.second')), pair.content], t('action.settle'), async (f) => {
    const as = f.querySelector('input[name=as]:checked')?.value;
    if (!as) throw new Problem({ detail: t('settle.choose') });
    await post(`/deliveries/${d.id}/settle`, { as, second: pair.value() });
    await refresh();
    dlg.close();
    toast(t('settle.done'));
  }));
}

export async function slip(d) {
  const print = async (second) => { const s = await post(`/deliveries/${d.id}/slip`, second ? { second } : {}); await refresh(); await showSlip(s); };
  if (!d.codes_made) return ask(t('slip.title', { ref: d.reference }), t('slip.text'), t('action.slip'), () => print(), 'primary');
  const pair = secondFields();
  const dlg = dialog(t('slip.title', { ref: d.reference }), form([h('p', null, t('slip.second')), pair.content], t('action.slip'), async () => { await print(pair.value()); dlg.close(); }));
}

export const block = (n) => {
  const why = h('select', null, ['lock', 'door', 'dirty', 'service', 'other'].map((v) => h('option', { value: v }, word('block', v))));
  const dlg = dialog(t('block.title', { n }), form([h('p', null, t('block.text')), field(t('block.why'), why)], t('action.block'), async () => { await post(`/compartments/${n}/block`, { why: why.value }); await refresh(); dlg.close(); }));
};
export const unblock = (n) => ask(t('unblock.title', { n }), t('unblock.text'), t('action.unblock'), async () => { await post(`/compartments/${n}/unblock`); await refresh(); }, 'primary');

export const actions = { load: startLoad, correct, retrieve, extend, reissue, cancel, relocate, settle, slip, retrieved };
const signs = { load: 'load', retrieve: 'take', slip: 'print' };
const order = ['load', 'settle', 'retrieved', 'retrieve', 'slip', 'correct', 'extend', 'reissue', 'relocate', 'cancel'];

// buttons makes those of a delivery; the first one is the likely one.
export function buttons(d, only) {
  return order.filter((a) => d.actions.includes(a)).slice(0, only).map((a, i) =>
    button(t(`action.${a}`), () => actions[a](d), { kind: a === 'cancel' ? 'danger' : i === 0 ? 'primary' : '', sign: signs[a], key: `${a}${d.id}` }));
}

const row = (label, value) => value && [h('dt', null, label), h('dd', null, value)];

export function showDelivery(d) {
  const dlg = dialog(t('delivery.title', { ref: d.reference }), [
    h('p', null, h('span.tag.s-' + d.state, null, word('state', d.state)), d.unverified && h('span.tag', null, t('delivery.unverified'))),
    h('dl', null, row(t('delivery.kinds'), kindsText(d)), row(t('delivery.compartment'), d.compartment && String(d.compartment)), row(t('delivery.size'), word('size', d.size)),
      row(t('delivery.announced'), moment(d.announced_at)), row(t('delivery.loaded'), moment(d.loaded_at)), row(t('delivery.ready'), moment(d.ready_at)),
      row(t('delivery.hold'), d.hold_until && t('delivery.hold_text', { day: day(d.hold_until), n: d.hold_days ?? '' })), row(t('delivery.collected'), moment(d.collected_at)),
      row(t('delivery.notice'), t(d.has_contact ? 'delivery.notice_sent' : 'delivery.notice_slip')), row(t('delivery.by'), d.loaded_by ?? d.announced_by),
      d.open_conditions.length > 0 && row(t('delivery.conditions'), d.open_conditions.map((c) => word('condition', c)).join(', '))),
    h('div.row.wrap', { onclick: (e) => { if (e.target.closest('button')) setTimeout(() => dlg.close(), 0); } }, buttons(d))]);
}

export function showCompartment(n) {
  const c = compartment(n), d = delivery(c.delivery);
  const run = (f) => async () => { dlg.close(); await f(); };
  const dlg = dialog(t('compartment.title', { n }), [
    h('p', null, h('span.tag.c-' + look(c), null, icon(look(c)), word('status', look(c)))),
    h('dl', null, row(t('compartment.place'), t('compartment.place_text', { row: c.row, column: c.column, cm: Math.round(c.height_mm / 10) })), row(t('delivery.size'), word('size', c.size)),
      row(t('compartment.door'), word('door', c.door.open) + (c.door.fresh ? '' : ` (${t('compartment.stale')})`)), c.door.has_item && row(t('compartment.item'), word('tri', c.door.item)),
      c.fault && row(t('compartment.fault'), word('fault', c.fault)), c.blocked && row(t('compartment.blocked'), word('block', c.blocked)),
      d && row(t('compartment.delivery'), `${d.reference} · ${word('state', d.state)}`), row(t('compartment.cycles'), String(c.cycles))),
    h('div.row.wrap', null,
      d && button(t('compartment.show_delivery'), run(() => showDelivery(d))),
      c.actions.includes('inspect') && button(t('action.inspect'), run(() => inspect(n)), { kind: 'primary', sign: 'look' }),
      c.actions.includes('unblock') && button(t('action.unblock'), run(() => unblock(n))),
      c.actions.includes('block') && button(t('action.block'), run(() => block(n)), { kind: 'danger' })),
    c.actions.includes('inspected') && h('details', null, h('summary', null, t('compartment.by_key')), h('p', null, t('compartment.by_key_text')), findings(n, true, () => dlg.close()))]);
}

// announce is the form for documents to come.
export function announce() {
  const ref = h('input', { autofocus: true, autocomplete: 'off', maxlength: 40, required: true, 'data-field': 'reference' });
  const kinds = data.kinds.map((k, i) => h('label.chip', null, h('input', { type: 'checkbox', name: 'kind', value: k.name, 'data-field': i === 0 && 'kinds', onchange: () => drawConditions() }), h('span', null, word('kind', k.name))));
  const conditions = h('div');
  const sizes = ['S', 'M', 'L'].map((s, i) => h('label.chip', null, h('input', { type: 'radio', name: 'size', value: s, checked: i === 0 }), h('span', null, h('b', null, s), ' ', t(`size_hint.${s}`))));
  const reach = h('input', { type: 'checkbox' });
  const factor = h('input', { inputmode: 'numeric', maxlength: 4, autocomplete: 'off', size: 6, class: 'digits', 'data-field': 'factor' });
  const email = h('input', { type: 'email', autocomplete: 'off', 'data-field': 'contact' }), mobile = h('input', { type: 'tel', autocomplete: 'off', placeholder: '+49 …' });
  const language = h('select', null, ['de', 'en'].map((l) => h('option', { value: l }, t('language.' + l))));
  const chosen = () => [...e.querySelectorAll('input[name=kind]:checked')].map((x) => x.value);
  const drawConditions = () => {
    const names = [...new Set(data.kinds.filter((k) => chosen().includes(k.name)).flatMap((k) => k.conditions))];
    const two = data.kinds.some((k) => chosen().includes(k.name) && k.two_people);
    conditions.replaceChildren(...(names.length ? [h('p', null, t('announce.conditions')), ...names.map((c) => h('label.check', null, h('input', { type: 'checkbox', name: 'met', value: c }), h('span', null, word('condition', c))))] : []),
      ...(two ? [h('p.hint', null, t('announce.two'))] : []));
  };
  const e = form([field(t('announce.reference'), ref, t('announce.reference_hint')),
    h('fieldset', null, h('legend', null, t('announce.kinds')), h('div.chips', null, kinds), conditions),
    h('fieldset', null, h('legend', null, t('announce.size')), h('div.chips', null, sizes), h('label.check', null, reach, h('span', null, t('announce.reachable')))),
    field(t('announce.factor.' + document.body.dataset.factor), factor, t('announce.factor_hint.' + document.body.dataset.factor)),
    h('fieldset', null, h('legend', null, t('announce.contact')), h('p.hint', null, t('announce.contact_hint')), h('div.grid2', null, field(t('announce.email'), email), field(t('announce.mobile'), mobile)), field(t('announce.lang'), language))],
  t('announce.go'), async (f) => {
    const contact = email.value.trim() || mobile.value.trim() ? { email: email.value.trim(), mobile: mobile.value.replace(/[\s/-]/g, '') } : undefined;
    const a = await post('/deliveries', {
      reference: ref.value.trim(), kinds: chosen(), size: f.querySelector('input[name=size]:checked').value, reachable: reach.checked,
      met: [...f.querySelectorAll('input[name=met]:checked')].map((x) => x.value), factor: factor.value.trim(), contact, lang: language.value,
    });
    await refresh();
    dlg.close();
    const d = delivery(a.delivery);
    const next = dialog(t('announce.done', { ref: ref.value.trim() }), [h('p', null, t('announce.done_text')), h('div.row.end', null,
      button(t('announce.another'), () => { next.close(); announce(); }, { key: 'an' }),
      d?.actions.includes('load') && button(t('announce.load'), () => { next.close(); return startLoad(d); }, { kind: 'primary', sign: 'load', key: 'ld' }))]);
  });
  const dlg = dialog(t('action.announce'), e, { wide: true });
}
