// What every part of the page needs: texts, elements, the API, dialogs.

const prefix = '/api/v1';
const texts = JSON.parse(document.getElementById('texts').textContent);
export const lang = document.documentElement.lang;
export const $ = (id) => document.getElementById(id);

export const fill = (text, vars) => text.replace(/\{(\w+)\}/g, (all, k) => (vars && k in vars ? vars[k] : all));
export const t = (key, vars) => fill(texts[key] ?? key, vars);
export const has = (key) => key in texts;
export const word = (group, name) => texts[`${group}.${name}`] ?? name;

// h makes an element. Functions are listeners, true/false switch attributes,
// children may be strings, elements, lists or nothing. Nothing is ever parsed as
// HTML.
export function h(tag, props, ...children) {
  const [name, ...classes] = tag.split('.');
  const e = document.createElement(name || 'div');
  if (classes.length) e.className = classes.join(' ');
  for (const [k, v] of Object.entries(props ?? {})) {
    if (v === undefined || v === null || v === false) continue;
    if (typeof v === 'function') e.addEventListener(k.replace(/^on/, ''), v);
    else if (k === 'value') e.value = v;
    else e.setAttribute(k, v === true ? '' : v);
  }
  e.append(...children.flat(4).filter((c) => c !== undefined && c !== null && c !== false && c !== ''));
  return e;
}

const shapes = {
  free: 'M5 5h14v14H5z', reserved: 'M12 5v6l4 3M12 3a9 9 0 1 0 9 9', opening: 'M12 5v6l4 3M12 3a9 9 0 1 0 9 9',
  occupied: 'M6 3h9l4 4v14H6zM14 3v5h5M9 13h7M9 17h7', due: 'M6 4v16M6 5h11l-3 3.5L17 12H6', settling: 'M12 7v5l3 2M12 3a9 9 0 1 0 .01 0',
  to_check: 'M9 9a3 3 0 1 1 4.2 2.8c-.8.4-1.2 1-1.2 2.2M12 17.5v.5', open: 'M5 3v18M5 3l11 3v15L5 21M12.5 12v1.5M19 6v15',
  fault: 'M12 4v10M12 18v1', down: 'M4 4l16 16M8 12a4 4 0 0 1 8 0', blocked: 'M12 3a9 9 0 1 0 .01 0M6 6l12 12',
  disputed: 'M12 4L2.5 20h19zM12 10v5M12 17.5v.5', ready: 'M4 12.5l5.5 5.5L20 7', print: 'M7 8V3h10v5M7 17H4V9h16v8h-3M7 14h10v7H7z',
  load: 'M12 3v11M7.5 10l4.5 4.5L16.5 10M4 20h16', take: 'M12 15V4M7.5 8L12 3.5 16.5 8M4 20h16', add: 'M12 5v14M5 12h14',
  find: 'M10.5 4a6.5 6.5 0 1 0 .01 0M15.5 15.5L21 21', look: 'M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 9a3 3 0 1 0 .01 0', close: 'M6 6l12 12M18 6L6 18',
};
export function icon(name) {
  const ns = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(ns, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const p = document.createElementNS(ns, 'path');
  p.setAttribute('d', shapes[name] ?? shapes.free);
  svg.append(p);
  return svg;
}

// Problem is a refusal; its message is the sentence for the clerk.
export class Problem extends Error {
  constructor(body, status) { super(body.detail ?? t('page.no_answer')); this.code = body.code; this.status = status; this.what = body.what; this.compartment = body.compartment; this.delivery = body.delivery; }
}

let onSignedOut = () => {};
export const whenSignedOut = (f) => { onSignedOut = f; };

// api asks the station. A POST carries a key, so that asking again after a lost
// answer does not do it twice.
export async function api(method, path, body, { background } = {}) {
  const headers = { 'Accept-Language': lang };
  if (background) headers['Staff-Refresh'] = '1';
  if (body !== undefined) {
    headers['Content-Type'] = 'application/json';
    headers['Idempotency-Key'] = Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, '0')).join('');
  }
  const ask = () => fetch(prefix + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), cache: 'no-store' });
  let r;
  try { r = await ask(); } catch { try { r = await ask(); } catch { throw new Problem({ code: 'offline', detail: t('page.offline') }, 0); } }
  if (r.status === 204) return null;
  const out = await r.json().catch(() => ({}));
  if (r.ok) return out;
  if (r.status === 401 && out.code === 'sign_in') onSignedOut();
  throw new Problem(out, r.status);
}
export const post = (path, body = {}) => api('POST', path, body);

export function toast(text, bad) {
  const e = h('div.toast' + (bad ? '.bad' : ''), null, text, h('button.x', { 'aria-label': t('page.close'), onclick: () => e.remove() }, icon('close')));
  $('toasts').append(e);
  setTimeout(() => e.remove(), bad ? 12000 : 5000);
}

// attempt runs what a button does, once at a time, and shows what was refused.
export async function attempt(button, f) {
  if (button?.disabled) return;
  if (button) button.disabled = true;
  try { return await f(); } catch (e) {
    if (!(e instanceof Problem)) throw e;
    toast(e.message, true);
  } finally { if (button) button.disabled = false; }
}
export const button = (label, f, { kind = '', sign, key } = {}) =>
  h('button' + (kind && '.' + kind), { type: 'button', 'data-key': key, onclick: (e) => attempt(e.currentTarget, () => f(e)) }, sign && icon(sign), h('span', null, label));

// dialog opens a modal window; Escape and the cross close it.
export function dialog(title, content, { wide, onclose } = {}) {
  const body = h('div.body', { tabindex: -1 }, content);
  const d = h('dialog' + (wide ? '.wide' : ''), { 'aria-label': title },
    h('header', null, h('h2', null, title), h('button.x', { type: 'button', 'aria-label': t('page.close'), onclick: () => d.close() }, icon('close'))), body);
  d.addEventListener('close', () => { d.remove(); onclose?.(); });
  document.body.append(d);
  d.showModal();
  const focus = () => (d.querySelector('[autofocus]') ?? d.querySelector('.body input, .body select, .body button.primary') ?? body).focus();
  focus();
  return { body, close: () => d.close(), set: (...c) => { redraw(body, c); if (!body.contains(document.activeElement) || document.activeElement === body) focus(); } };
}

// ask lets one confirm in plain words what destroys something. The safe answer
// has the focus.
export function ask(title, text, yes, f, kind = 'danger') {
  const d = dialog(title, [h('p', null, text), h('div.row.end', null,
    h('button', { type: 'button', autofocus: true, onclick: () => d.close() }, t('page.no')),
    button(yes, async () => { await f(); d.close(); }, { kind }))]);
}

// redraw replaces the content and puts the focus back to where it was.
export function redraw(e, ...content) {
  const key = e.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  e.replaceChildren(...content.flat(4).filter(Boolean));
  if (key) e.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}

let fields = 0;
// field is a labelled control with a hint.
export function field(label, control, hint) {
  const id = control.id || (control.id = `f${++fields}`);
  if (hint) control.setAttribute('aria-describedby', id + 'h');
  return h('div.field', null, h('label', { for: id }, label), control, hint && h('small', { id: id + 'h' }, hint));
}

// concerned names the field (data-field) that a refusal is about, if any.
const concerned = (x) => ({ factor: 'factor', factor_day: 'factor', factor_weak: 'factor', duplicate_reference: 'reference', unknown_kind: 'kinds', bad_field: x.what })[x.code];

// form shows the first refusal at the field concerned, else beside its buttons,
// and keeps what was typed.
export function form(content, label, f, extra) {
  const error = h('p.error', { role: 'alert', id: `f${++fields}e` });
  const place = h('div', null, error);
  let marked = null;
  const unmark = () => {
    error.textContent = '';
    place.append(error);
    marked?.removeAttribute('aria-invalid');
    const rest = (marked?.getAttribute('aria-describedby') ?? '').split(' ').filter((id) => id && id !== error.id).join(' ');
    if (rest) marked.setAttribute('aria-describedby', rest); else marked?.removeAttribute('aria-describedby');
    marked = null;
  };
  const mark = (x) => {
    marked = e.querySelector(`[data-field="${CSS.escape(concerned(x) ?? '')}"]`);
    if (marked) {
      marked.closest('fieldset, .field')?.after(error);
      marked.setAttribute('aria-invalid', 'true');
      marked.setAttribute('aria-describedby', `${error.id} ${marked.getAttribute('aria-describedby') ?? ''}`.trim());
      marked.focus({ preventScroll: true });
    }
    error.textContent = x.message;
    (marked ?? error).scrollIntoView({ block: 'nearest' });
    error.scrollIntoView({ block: 'nearest' });
  };
  const go = h('button.primary', { type: 'submit' }, label);
  const e = h('form', { novalidate: true, onsubmit: async (ev) => {
    ev.preventDefault();
    if (go.disabled) return;
    unmark();
    go.disabled = true;
    try { await f(e); } catch (x) {
      if (!(x instanceof Problem)) throw x;
      mark(x);
    } finally { go.disabled = false; }
  } }, content, place, h('div.row.end', null, extra, go));
  return e;
}

const zone = 'Europe/Berlin';
const locale = lang === 'en' ? 'en-GB' : 'de-DE';
export const day = (iso) => iso ? new Date(iso).toLocaleDateString(locale, { weekday: 'short', day: '2-digit', month: '2-digit', timeZone: zone }) : '';
export const moment = (iso) => iso ? new Date(iso).toLocaleString(locale, { day: '2-digit', month: '2-digit', year: 'numeric', hour: '2-digit', minute: '2-digit', timeZone: zone }) : '';
export const longDay = (iso, l) => new Date(iso).toLocaleDateString(l === 'en' ? 'en-GB' : 'de-DE', { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric', timeZone: zone });

// countdown is a time that runs by itself; one timer serves all.
export function countdown(seconds) {
  const e = h('time.count', { 'data-end': Date.now() + seconds * 1000 });
  tell(e);
  return e;
}
function tell(e) {
  const s = Math.max(0, Math.round((e.dataset.end - Date.now()) / 1000));
  e.textContent = `${Math.floor(s / 60)}:${String(s % 60).padStart(2, '0')}`;
}
setInterval(() => document.querySelectorAll('time.count').forEach(tell), 1000);
