// The slip: the only place where a pickup code is seen. It is on the page until
// it is closed, and nowhere after that.

import { h, icon, t, fill, lang, longDay, $ } from './ui.js';

export async function showSlip(s) {
  let text = (key, vars) => t(key, vars);
  if (s.lang && s.lang !== lang) {
    const r = await fetch(`/web/${s.lang === 'en' ? 'en' : 'de'}.json`).catch(() => null);
    const other = r?.ok ? await r.json() : {};
    text = (key, vars) => (other[key] ? fill(other[key], vars) : t(key, vars));
  }
  const qr = new DOMParser().parseFromString(s.qr_svg, 'image/svg+xml').documentElement;
  qr.setAttribute('role', 'img');
  qr.setAttribute('aria-label', 'QR');
  const factor = document.body.dataset.factor;
  const close = () => { $('slip').replaceChildren(); document.body.classList.remove('slipping'); $('main').focus(); };
  const sheet = h('article.sheet', { lang: s.lang || 'de' },
    h('header', null, h('p.station', null, document.body.dataset.station), h('h1', null, text('sheet.title'))),
    h('p', null, text('sheet.intro')),
    h('div.codes', null,
      h('div', null, h('p.label', null, text('sheet.code')), h('p.code', null, s.code), h('p.label', null, text('sheet.compartment')),
        h('p.big', null, String(s.compartment))),
      h('figure', null, qr, h('figcaption', null, text('sheet.qr')))),
    h('p.until', null, text('sheet.until'), ' ', h('b', null, longDay(s.hold_until, s.lang))),
    h('h2', null, text('sheet.how')),
    h('ol', null, h('li', null, text('sheet.step1')), h('li', null, text('sheet.step2.' + factor)), h('li', null, text('sheet.step3', { n: s.compartment })), h('li', null, text('sheet.step4'))),
    h('footer', null, h('p', null, text('sheet.keep')), h('p', null, text('sheet.reference'), ' ', s.reference)));
  const print = h('button.primary', { type: 'button', onclick: () => window.print() }, icon('print'), h('span', null, t('slip.print')));
  $('slip').replaceChildren(h('div.tools', null, h('p', null, t('slip.once')), print, h('button', { type: 'button', onclick: close }, t('slip.close'))), sheet);
  document.querySelectorAll('dialog[open]').forEach((d) => d.close());
  document.body.classList.add('slipping');
  print.focus();
}
