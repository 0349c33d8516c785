// The office page: signing in, and the four views. No framework; the server's
// answers are the state, the event stream says when to ask again.

import { api, post, t, word, h, icon, $, button, dialog, form, field, attempt, redraw, countdown, day, ask, whenSignedOut, Problem } from './ui.js';
import { data, may, look, delivery, refresh, connect, disconnect, onChange } from './data.js';
import { announce, loadByReference, buttons, showDelivery, showCompartment, kindsText, findings, inspect, followLoad } from './flows.js';

const views = { today, deliveries, cabinet, inventory, accounts };
const current = () => { const v = location.hash.replace(/^#\/?/, '').split('/')[0]; return views[v] ? v : 'today'; };

// ---- signing in -------------------------------------------------------------

function credentials(withName) {
  const user = h('input', { autocomplete: 'username', autocapitalize: 'none', spellcheck: 'false', autofocus: true, required: true });
  const name = h('input', { autocomplete: 'name' });
  const password = h('input', { type: 'password', autocomplete: withName ? 'new-password' : 'current-password', required: true });
  return { user, name, password };
}

function signIn(notice) {
  disconnect();
  data.me = null;
  document.querySelectorAll('dialog[open]').forEach((d) => d.close());
  $('slip').replaceChildren();
  document.body.classList.remove('slipping');
  $('nav').replaceChildren();
  $('who').textContent = '';
  $('out').hidden = true;
  const token = location.hash.startsWith('#setup=') ? location.hash.slice(7) : '';
  const c = credentials(token !== '');
  const f = token
    ? form([h('p', null, t('setup.text')), field(t('sign_in.user'), c.user, t('setup.user_hint')), field(t('setup.name'), c.name), field(t('sign_in.password'), c.password, t('setup.password_hint'))],
      t('setup.go'), async () => { await post('/setup', { token, user: c.user.value.trim(), name: c.name.value.trim(), password: c.password.value }); history.replaceState(null, '', '/'); await start(); })
    : form([field(t('sign_in.user'), c.user), field(t('sign_in.password'), c.password)], t('sign_in.go'),
      async () => {
        try { await post('/session', { user: c.user.value.trim(), password: c.password.value }); } catch (e) { c.password.value = ''; c.password.focus(); throw e; }
        await start();
      });
  $('main').replaceChildren(h('section.signin', null, h('h1', null, t(token ? 'setup.title' : 'sign_in.title')), notice && h('p.banner', null, notice), f));
  c.user.focus();
}

async function start() {
  data.me = await api('GET', '/session', undefined, { background: true });
  data.kinds = (await api('GET', '/kinds', undefined, { background: true })).kinds;
  await refresh();
  $('who').textContent = `${data.me.name} · ${word('role', data.me.role)}`;
  $('out').hidden = false;
  connect();
  show(true);
}

whenSignedOut(() => { if (data.me) signIn(t('sign_in.over')); });
$('out').addEventListener('click', () => attempt($('out'), async () => { await api('DELETE', '/session'); signIn(); }));

// ---- navigation -------------------------------------------------------------

let drawn = {};
function show(fresh) {
  if (!data.me) return;
  const name = current();
  const tabs = ['today', may('deliveries') && 'deliveries', 'cabinet', 'inventory', may('accounts') && 'accounts'].filter(Boolean);
  redraw($('nav'), tabs.map((v) => h('a', { href: '#/' + v, 'data-key': v, 'aria-current': v === name ? 'page' : undefined }, t('nav.' + v),
    v === 'inventory' && data.status.inventory.left.length > 0 && h('b.dot', null, String(data.status.inventory.left.length)))));
  if (fresh) {
    drawn = {};
    $('main').replaceChildren(h('h1.hidden', null, t('nav.' + name)), h('div', { id: 'banners' }), h('div', { id: 'view' }));
  }
  part('banners', banners());
  views[name](fresh);
}
addEventListener('hashchange', () => { if (data.me) { show(true); $('main').focus({ preventScroll: true }); scrollTo(0, 0); } });
onChange(() => show(false));

// part draws a piece of the page only when what it shows has changed: nothing
// moves under a finger without need.
function part(id, content) {
  const e = $(id);
  if (!e) return;
  const now = h('div', null, content);
  now.querySelectorAll('time.count').forEach((c) => { c.textContent = ''; });
  const look = now.innerHTML.replace(/data-end="\d+"/g, '').replace(/ (id|for|aria-describedby)="f\d+h?"/g, '');
  if (drawn[id] === look) return;
  drawn[id] = look;
  redraw(e, [...now.childNodes]);
}

function banners() {
  const s = data.status, out = [];
  if (!s.started) out.push(h('div.banner.bad', null, icon('fault'), h('p', null, t('banner.starting'))));
  if (s.inventory.required) out.push(h('div.banner.bad', null, icon('to_check'), h('p', null, h('b', null, t('banner.inventory')), ' ', t('banner.inventory_text')), current() !== 'inventory' && h('a.button', { href: '#/inventory' }, t('banner.inventory_go'))));
  if (!s.clock_trusted) out.push(h('div.banner', null, icon('reserved'), h('p', null, h('b', null, t('banner.clock')), ' ', t('banner.clock_text')), may('trust') && button(t('banner.clock_go'), trustClock, { key: 'clock' })));
  for (const p of s.problems) out.push(h('div.banner' + (p.severity === 'critical' ? '.bad' : ''), null, icon('fault'), h('p', null, h('b', null, p.text), ' ', p.do)));
  return out;
}

function trustClock() {
  ask(t('clock.title'), t('clock.text', { now: new Date(data.status.time).toLocaleString(document.documentElement.lang, { timeZone: 'Europe/Berlin', dateStyle: 'full', timeStyle: 'short' }) }),
    t('clock.yes'), async () => { await post('/clock/trust'); await refresh(); }, 'primary');
}

// ---- today ------------------------------------------------------------------

function today(fresh) {
  if (fresh) {
    const scan = h('input', { id: 'scan', autocomplete: 'off', spellcheck: 'false', placeholder: t('load.placeholder'), 'aria-label': t('load.label') });
    $('view').replaceChildren(
      may('announce') ? h('section.hero', null,
        h('form', { onsubmit: (e) => { e.preventDefault(); attempt(e.submitter, async () => { await loadByReference(scan.value); scan.value = ''; }); } },
          h('label', { for: 'scan' }, t('load.label')), h('div.scan', null, icon('find'), scan, h('button.primary', { type: 'submit' }, icon('load'), h('span', null, t('action.load'))))),
        h('div.or', null, h('span', null, t('load.or')), button(t('action.announce'), announce, { sign: 'add' }))) : '',
      h('div', { id: 'chips', class: 'chipsrow' }),
      h('div.columns', null, h('div', { id: 'work' }), h('aside.card', null, h('h2', null, t('nav.cabinet')), h('div', { id: 'map' }), h('div', { id: 'legend' }))));
    if (matchMedia('(hover: hover)').matches) scan.focus();
  }
  const groups = work();
  part('chips', groups.map((g) => h('a.chipstat.' + g.tone + (g.count ? '' : '.zero'), { href: '#/today', 'data-key': 'chip' + g.id, onclick: (e) => { e.preventDefault(); $('g-' + g.id)?.scrollIntoView({ behavior: 'smooth' }); } }, icon(g.sign), h('b', null, String(g.count)), h('span', null, t('today.' + g.id)))));
  const shown = groups.filter((g) => g.rows.length);
  part('work', shown.length ? shown.map(group) : h('section.card.calm', null, icon('ready'), h('p', null, t('today.nothing'))));
  part('map', map());
  part('legend', legend());
}

function work() {
  const by = (f) => data.deliveries.filter(f).sort((a, b) => a.id - b.id);
  const doubtful = data.compartments.filter((c) => ['to_check', 'fault', 'down', 'blocked'].includes(c.status) && !data.status.inventory.required);
  const ds = [
    ['disputed', 'disputed', 'bad', by((d) => d.state === 'disputed')],
    ['due', 'due', 'warn', by((d) => d.state === 'due' || d.state === 'cancelled')],
    ['slips', 'print', 'warn', by((d) => d.slip_needed && d.state === 'ready')],
    ['to_load', 'load', 'blue', by((d) => d.state === 'announced' || d.state === 'loading')],
    ['settling', 'settling', 'blue', by((d) => d.state === 'settling')],
    ['ready', 'ready', 'good', by((d) => d.state === 'ready' && !d.slip_needed || ['opening', 'open', 'asking'].includes(d.state))],
  ].map(([id, sign, tone, list]) => ({ id, sign, tone, count: list.length, rows: list.map(deliveryRow) }));
  ds.splice(1, 0, { id: 'checks', sign: 'to_check', tone: 'warn', count: doubtful.length, rows: doubtful.map(compartmentRow) });
  return may('deliveries') ? ds : [ds[1]];
}

function group(g) {
  const limitRows = g.id === 'checks' ? 4 : 8;
  return h('section.card.' + g.tone, { id: 'g-' + g.id, 'aria-label': t('today.' + g.id) }, h('h2', null, icon(g.sign), t('today.' + g.id), h('span.n', null, String(g.count))),
    h('ul.rows', null, g.rows.slice(0, limitRows)), g.rows.length > limitRows && h('a.more', { href: g.id === 'checks' ? '#/cabinet' : '#/deliveries' }, t('today.more', { n: g.rows.length - limitRows })));
}

function deliveryRow(d) {
  const when = d.state === 'settling' ? [t('row.grace'), ' ', countdown(d.grace_seconds)]
    : d.state === 'due' ? t('row.over', { day: day(d.hold_until) }) : d.state === 'ready' && d.hold_until ? t('row.until', { day: day(d.hold_until) })
      : d.state === 'announced' ? (d.open_conditions.length ? h('span.warntext', null, t('row.conditions')) : d.needs_approval ? h('span.warntext', null, t('row.second')) : '') : word('state', d.state);
  const resume = d.state === 'loading' && d.intent && button(t('action.resume'), () => followLoad(d.compartment, d.id, d.reference), { kind: 'primary', key: 'r' + d.id });
  return h('li', null, d.compartment ? h('span.fach', { title: t('delivery.compartment') }, String(d.compartment)) : h('span.fach.none', { 'aria-hidden': 'true' }, '–'),
    h('button.link', { type: 'button', 'data-key': 'd' + d.id, onclick: () => showDelivery(delivery(d.id) ?? d) }, h('b', null, d.reference), h('small', null, kindsText(d))),
    h('span.when', null, when), resume || (['ready'].includes(d.state) && !d.slip_needed ? '' : buttons(d, 1)));
}

function compartmentRow(c) {
  return h('li', null, h('span.fach', null, String(c.number)),
    h('button.link', { type: 'button', 'data-key': 'c' + c.number, onclick: () => showCompartment(c.number) }, h('b', null, word('status', look(c))),
      h('small', null, c.fault ? word('fault', c.fault) : c.blocked ? word('block', c.blocked) : t('row.look_in'))),
    h('span.when'), c.actions.includes('inspect') && button(t('action.inspect'), () => inspect(c.number), { key: 'i' + c.number, sign: 'look' }));
}

// ---- cabinet ----------------------------------------------------------------

function map(large) {
  return h('div.map' + (large ? '.large' : ''), { role: 'group', 'aria-label': t('nav.cabinet') }, data.compartments.map((c) => {
    const l = look(c), d = delivery(c.delivery);
    const e = h('button.cell.c-' + l + '.size' + c.size, { type: 'button', 'data-key': 'm' + c.number, title: `${t('compartment.title', { n: c.number })}: ${word('status', l)}`, onclick: () => showCompartment(c.number) },
      h('b', null, String(c.number)), icon(l), h('span', null, word('short', l)), large && d && h('small', null, d.reference));
    e.style.gridRow = c.row;
    e.style.gridColumn = c.column;
    return e;
  }));
}

function legend() {
  const count = {};
  for (const c of data.compartments) count[look(c)] = (count[look(c)] ?? 0) + 1;
  return h('ul.legend', null, ['free', 'reserved', 'settling', 'occupied', 'due', 'disputed', 'opening', 'open', 'to_check', 'blocked', 'fault', 'down'].filter((l) => count[l])
    .map((l) => h('li', null, h('i.swatch.c-' + l, null, icon(l)), word('status', l), h('b', null, String(count[l])))));
}

function cabinet(fresh) {
  if (fresh) $('view').replaceChildren(h('section.card', null, h('div', { id: 'map' }), h('div', { id: 'legend' })));
  part('map', map(true));
  part('legend', legend());
}

// ---- deliveries -------------------------------------------------------------

let search = { text: '', state: '' };
let found = { deliveries: [] };
function deliveries(fresh) {
  if (!may('deliveries')) return;
  if (fresh) {
    let timer;
    const soon = () => { clearTimeout(timer); timer = setTimeout(() => find().catch(() => {}), 200); };
    const text = h('input', { type: 'search', value: search.text, placeholder: t('list.search'), 'aria-label': t('list.search'), oninput: (e) => { search.text = e.target.value; soon(); } });
    const state = h('select', { 'aria-label': t('list.state'), onchange: (e) => { search.state = e.target.value; soon(); } }, h('option', { value: '' }, t('list.all')),
      ['announced', 'settling', 'ready', 'due', 'disputed', 'cancelled', 'collected', 'retrieved', 'lost'].map((s) => h('option', { value: s, selected: s === search.state }, word('state', s))));
    $('view').replaceChildren(h('section.card', null, h('div.filter', null, text, state, may('announce') && button(t('action.announce'), announce, { sign: 'add', kind: 'primary' })), h('div', { id: 'list' })));
    text.focus();
  }
  find().catch(() => {});
}

async function find(more) {
  const q = new URLSearchParams({ limit: 50, ...(search.text.trim() && { reference: search.text.trim() }), ...(search.state && { state: search.state }), ...(more && { after: found.next }) });
  const r = await api('GET', '/deliveries?' + q, undefined, { background: true });
  found = more ? { deliveries: [...found.deliveries, ...r.deliveries], next: r.next } : r;
  part('list', found.deliveries.length === 0 ? h('p.empty', null, t('list.none')) : [
    h('table', null, h('thead', null, h('tr', null, ['reference', 'kinds', 'state', 'compartment', 'hold'].map((k) => h('th' + (k === 'compartment' ? '.num' : ''), { scope: 'col' }, t('list.' + k))))),
      h('tbody', null, found.deliveries.map((d) => h('tr', null, h('td', null, h('button.link', { type: 'button', 'data-key': 'l' + d.id, onclick: () => showDelivery(delivery(d.id) ?? d) }, h('b', null, d.reference))),
        h('td', null, kindsText(d)), h('td', null, h('span.tag.s-' + d.state, null, word('state', d.state))), h('td.num', null, d.compartment ? String(d.compartment) : ''),
        h('td', null, d.state === 'collected' ? t('list.collected', { day: day(d.collected_at) }) : day(d.hold_until)))))),
    found.next && button(t('list.more'), () => find(true), { key: 'more' })]);
}

// ---- inventory --------------------------------------------------------------

function inventory(fresh) {
  if (fresh) $('view').replaceChildren(h('section.card', { id: 'round' }));
  const inv = data.status.inventory, total = inv.done.length + inv.left.length;
  const begin = () => post('/inventory').then(() => refresh());
  if (!inv.running) {
    return part('round', [h('h2', null, t('inventory.title')), h('p', null, t(inv.required ? 'inventory.required' : 'inventory.text')),
      may('inventory') && button(t('inventory.begin'), () => (inv.required ? begin() : ask(t('inventory.title'), t('inventory.sure'), t('inventory.begin'), begin, 'primary')), { kind: 'primary', key: 'begin' })]);
  }
  part('round', [h('h2', null, t('inventory.title'), h('span.n', null, `${inv.done.length} / ${total}`)), h('progress', { value: inv.done.length, max: total || 1, 'aria-label': t('inventory.title') }),
    h('p', null, t('inventory.how')), h('ul.rows', null, inv.left.slice(0, 12).map((n) => h('li', null, h('span.fach', null, String(n)),
      h('span.link', null, h('b', null, word('status', look(data.compartments.find((c) => c.number === n)))), h('small', null, delivery(data.compartments.find((c) => c.number === n)?.delivery)?.reference ?? '')),
      may('inventory') && [button(t('inventory.open'), () => inspect(n), { key: 'io' + n, sign: 'look', kind: 'primary' }), h('details.bykey', null, h('summary', null, t('inventory.by_key')), findings(n, true, () => {}))]))),
    inv.left.length > 12 && h('p.more', null, t('today.more', { n: inv.left.length - 12 }))]);
}

// ---- accounts ---------------------------------------------------------------

async function accounts(fresh) {
  if (!may('accounts') || !fresh) return;
  const [a, k] = await Promise.all([api('GET', '/accounts'), api('GET', '/tokens')]);
  if (current() !== 'accounts') return;
  const again = () => accounts(true);
  const roles = () => h('select', null, ['loader', 'supervisor', 'it', 'auditor'].map((r) => h('option', { value: r }, word('role', r))));
  const addPerson = () => {
    const c = credentials(true), role = roles();
    const d = dialog(t('accounts.add'), form([field(t('sign_in.user'), c.user, t('setup.user_hint')), field(t('setup.name'), c.name), field(t('accounts.role'), role), field(t('accounts.first_password'), c.password, t('setup.password_hint'))], t('accounts.add'),
      async () => { await post('/accounts', { user: c.user.value.trim(), name: c.name.value.trim(), role: role.value, password: c.password.value }); d.close(); await again(); }));
  };
  const addToken = () => {
    const name = h('input', { autocomplete: 'off' }), role = roles();
    const d = dialog(t('tokens.add'), form([field(t('tokens.name'), name, t('setup.user_hint')), field(t('accounts.role'), role)], t('tokens.add'), async () => {
      const made = await post('/tokens', { name: name.value.trim(), role: role.value });
      d.close();
      await again();
      dialog(t('tokens.made'), [h('p', null, t('tokens.once')), h('p.secret', null, made.token)]);
    }));
  };
  const table = (rows, title, path) => h('table', null, h('tbody', null, rows.map((x) => h('tr', null, h('td', null, h('b', null, x.user ?? x.name), x.user && h('small', null, ' ' + x.name)), h('td', null, word('role', x.role)), h('td.mono', null, x.actor),
    h('td.num', null, button(t('accounts.remove'), () => ask(t(title, { user: x.user ?? x.name }), t(title + '_text'), t('accounts.remove'), async () => { await api('DELETE', path + encodeURIComponent(x.user ?? x.name)); await again(); })))))));
  $('view').replaceChildren(
    h('section.card', null, h('h2', null, t('nav.accounts')), h('p.hint', null, t('accounts.text')), table(a.accounts, 'accounts.remove_title', '/accounts/'), h('div.row', null, button(t('accounts.add'), addPerson, { sign: 'add', kind: 'primary' }))),
    h('section.card', null, h('h2', null, t('tokens.title')), h('p.hint', null, t('tokens.text')), k.tokens.length > 0 && table(k.tokens, 'tokens.remove_title', '/tokens/'), h('div.row', null, button(t('tokens.add'), addToken, { sign: 'add' }))));
}

// ---- begin ------------------------------------------------------------------

start().catch((e) => {
  if (!(e instanceof Problem)) throw e;
  signIn(e.status === 401 ? undefined : e.message);
});
