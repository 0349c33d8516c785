// The page of the terminal. It keeps nothing: presses go to the station, and
// what the station says is put in place of what is shown.
'use strict';

(() => {
  const app = () => document.getElementById('app');

  // Presses go out one after the other, so that digits keep their order.
  let queue = Promise.resolve();
  const send = (press) => {
    queue = queue
      .then(() => fetch('/input', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(press),
      }))
      .catch(() => {}); // the stream notices when the station is gone
  };

  const sendText = (text) => {
    const trimmed = text.trim();
    if (/^PS1:/i.test(trimmed)) {
      send({ scan: trimmed.slice(0, 64) });
      return;
    }
    for (const digit of trimmed.replace(/\D/g, '').slice(0, 9)) send({ key: digit });
  };

  document.addEventListener('click', (e) => {
    const b = e.target.closest('button');
    if (!b) return;
    const d = b.dataset;
    if (d.key) send({ key: d.key });
    else if (d.action) send({ action: d.action });
    else if (d.language) send({ language: d.language });
    else if (d.choice) send({ choice: Number(d.choice) });
    // Digits typed on a keyboard after a touch on the keypad go to the field.
    if (d.key && document.getElementById('entry')) document.getElementById('entry').focus({ preventScroll: true });
  });

  document.addEventListener('keydown', (e) => {
    if (e.ctrlKey || e.altKey || e.metaKey) return;
    const onButton = e.target.closest && e.target.closest('button');
    let key = '';
    if (/^[0-9]$/.test(e.key)) {
      if (e.target.id === 'entry' && !e.repeat) return; // comes as beforeinput
      key = e.key;
    }
    if (e.key === 'Backspace') key = 'back';
    else if (e.key === 'Escape') key = 'cancel';
    else if (e.key === 'Enter' && !onButton) key = 'ok';
    if (!key) return;
    e.preventDefault();
    if (!e.repeat) send({ key });
  });

  // Pasting, dictating and screen keyboards: the field only shows what the
  // station has taken.
  document.addEventListener('beforeinput', (e) => {
    if (e.target.id !== 'entry') return;
    e.preventDefault();
    const text = e.data || (e.dataTransfer && e.dataTransfer.getData('text/plain')) || '';
    if (e.inputType.startsWith('insert')) sendText(text);
    else if (e.inputType.startsWith('delete')) send({ key: 'back' });
  });

  // What came in without asking (some screen keyboards) is taken out again and
  // sent like the rest.
  document.addEventListener('input', (e) => {
    if (e.target.id !== 'entry') return;
    const shown = e.target.getAttribute('value');
    const typed = e.target.value;
    e.target.value = shown;
    if (typed.startsWith(shown)) sendText(typed.slice(shown.length));
    else if (typed.endsWith(shown)) sendText(typed.slice(0, -shown.length));
  });

  document.addEventListener('contextmenu', (e) => e.preventDefault());
  document.addEventListener('dragstart', (e) => e.preventDefault());

  // morph makes a like b and keeps every element that stays, so that focus and
  // a finger on a key survive.
  const morph = (a, b) => {
    if (a.nodeName !== b.nodeName || a.id !== b.id) {
      a.replaceWith(b);
      return;
    }
    if (a.nodeType !== Node.ELEMENT_NODE) {
      if (a.data !== b.data) a.data = b.data;
      return;
    }
    for (const { name } of [...a.attributes]) if (!b.hasAttribute(name)) a.removeAttribute(name);
    for (const { name, value } of [...b.attributes]) if (a.getAttribute(name) !== value) a.setAttribute(name, value);
    if (a.nodeName === 'INPUT' && a.value !== b.getAttribute('value')) {
      a.value = b.getAttribute('value');
      a.setSelectionRange(a.value.length, a.value.length);
    }
    const old = [...a.childNodes];
    const now = [...b.childNodes];
    now.forEach((n, i) => (i < old.length ? morph(old[i], n) : a.append(n)));
    old.slice(now.length).forEach((n) => n.remove());
  };

  const settleFocus = () => {
    const target = document.getElementById('entry') || document.querySelector('h1');
    if (target) target.focus({ preventScroll: true });
  };

  const show = (html) => {
    const before = app().dataset.screen + app().dataset.phase;
    const next = new DOMParser().parseFromString(html, 'text/html').getElementById('app');
    if (!next) return;
    morph(app(), document.adoptNode(next));
    const root = document.documentElement;
    root.lang = app().lang;
    root.dir = app().dir;
    document.title = app().dataset.title;
    if (before !== app().dataset.screen + app().dataset.phase) settleFocus();
  };

  // A broken stream comes back by itself; one that was refused does not.
  const connect = () => {
    const stream = new EventSource('/events');
    stream.addEventListener('screen', (e) => {
      document.body.classList.remove('lost');
      show(JSON.parse(e.data));
    });
    stream.onerror = () => {
      document.body.classList.add('lost');
      if (stream.readyState === EventSource.CLOSED) setTimeout(connect, 2000);
    };
  };
  connect();
  settleFocus();
})();
