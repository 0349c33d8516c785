// The cabinet page. It draws what GET /api/world/events says and sends what is
// clicked to POST /api/world/…; it decides nothing by itself.
'use strict';

(() => {
  const $ = (id) => document.getElementById(id);
  const SVG = 'http://www.w3.org/2000/svg';
  let lang = 'de';
  try {
    if (localStorage.getItem('lang') === 'en') lang = 'en';
  } catch { /* no storage, no memory */ }
  const asked = new URLSearchParams(location.search).get('lang');
  if (asked in WORDS) lang = asked;
  const t = (key) => WORDS[lang][key] ?? key;

  let state = null; // the newest
  let selected = Number(new URLSearchParams(location.search).get('compartment')) || 1;
  let boxes = new Map(); // number → elements of the drawing

  // ---- small helpers

  const svg = (parent, name, attrs = {}, text) => {
    const e = document.createElementNS(SVG, name);
    for (const [k, v] of Object.entries(attrs)) e.setAttribute(k, v);
    if (text !== undefined) e.textContent = text;
    parent.append(e);
    return e;
  };
  const html = (parent, name, attrs = {}, text) => {
    const e = document.createElement(name);
    for (const [k, v] of Object.entries(attrs)) e.setAttribute(k, v);
    if (text !== undefined) e.textContent = text;
    parent.append(e);
    return e;
  };
  const setText = (e, text) => { if (e.textContent !== text) e.textContent = text; };
  // rebuild remakes an element's children only when what they show has changed.
  const rebuild = (e, key, f) => {
    const k = lang + JSON.stringify(key);
    if (e.shown === k) return;
    e.shown = k;
    const at = e.scrollTop;
    e.replaceChildren();
    f(e);
    e.scrollTop = at;
  };

  let toastEnds = 0;
  const toast = (text) => {
    const known = lang === 'de' && ANSWERS_DE.find(([re]) => re.test(text));
    $('toast').textContent = known ? text.replace(known[0], known[1]) : text;
    $('toast').classList.add('on');
    clearTimeout(toastEnds);
    toastEnds = setTimeout(() => $('toast').classList.remove('on'), 5000);
  };

  const post = async (path, body) => {
    try {
      const r = await fetch('/api/world/' + path, {
        method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
      });
      if (!r.ok) toast((await r.json()).error);
    } catch {
      toast(t('gone'));
    }
  };

  // ---- the drawing

  const W = 118, ROW = { S: 62, M: 88, L: 116 }, GAP = 6, TERMINAL = 168, EDGE = 18;

  const draw = () => {
    const root = $('drawing');
    root.replaceChildren();
    boxes = new Map();
    const columns = [...new Set(state.compartments.map((b) => b.column))].sort((a, b) => a - b);
    const place = state.links.column;
    let x = EDGE, terminalX = -1;
    const at = new Map();
    for (const c of columns) {
      if (terminalX < 0 && c > place) { terminalX = x; x += TERMINAL + GAP; }
      at.set(c, x);
      x += W + GAP;
    }
    if (terminalX < 0) { terminalX = x; x += TERMINAL + GAP; }
    const width = x - GAP + EDGE;
    const height = Math.max(...columns.map((c) => state.compartments.filter((b) => b.column === c)
      .reduce((sum, b) => sum + ROW[b.size] + GAP, 0))) - GAP;
    const tall = Math.max(height, 420) + 2 * EDGE;
    root.setAttribute('viewBox', `0 0 ${width} ${tall + 16}`);
    if (width > 1400) root.style.width = `${width * 0.8}px`;
    const defs = svg(root, 'defs');
    const g = svg(defs, 'linearGradient', { id: 'steel', x1: 0, y1: 0, x2: 0, y2: 1 });
    svg(g, 'stop', { offset: 0, 'stop-color': '#dbe1e7' });
    svg(g, 'stop', { offset: 1, 'stop-color': '#b3bfc9' });
    svg(root, 'rect', { class: 'foot', x: 30, y: tall - 4, width: 60, height: 18, rx: 2 });
    svg(root, 'rect', { class: 'foot', x: width - 90, y: tall - 4, width: 60, height: 18, rx: 2 });
    svg(root, 'rect', { class: 'body', x: 2, y: 2, width: width - 4, height: tall - 4, rx: 10 });
    drawTerminal(root, terminalX, EDGE, TERMINAL, tall - 2 * EDGE);
    for (const c of columns) {
      let y = EDGE;
      for (const b of state.compartments.filter((b) => b.column === c)) {
        drawBox(root, b, at.get(c), y);
        y += ROW[b.size] + GAP;
      }
    }
  };

  const drawTerminal = (root, x, y, w, h) => {
    const g = svg(root, 'g', { id: 'terminal', transform: `translate(${x} ${y})` });
    svg(g, 'rect', { class: 'panel-body', width: w, height: h, rx: 8 });
    svg(g, 'rect', { class: 'screen', x: 12, y: 60, width: w - 24, height: 104, rx: 4 });
    svg(g, 'text', { class: 'screen-big', x: w / 2, y: 112, id: 'screen-big' });
    for (let i = 0; i < 3; i++) svg(g, 'text', { class: 'screen-text', x: w / 2, y: 134 + i * 14, id: 'screen-' + i });
    for (let i = 0; i < 12; i++) svg(g, 'rect', { class: 'key', x: 44 + (i % 3) * 29, y: 186 + Math.floor(i / 3) * 25, width: 22, height: 18, rx: 3 });
    svg(g, 'circle', { class: 'slot', cx: 89, cy: 220, r: 1.6 });
    svg(g, 'rect', { class: 'slot', x: 44, y: 304, width: 80, height: 26, rx: 4 });
    svg(g, 'rect', { class: 'beam', x: 52, y: 316, width: 64, height: 2.5 });
  };

  const drawBox = (root, b, x, y) => {
    const h = ROW[b.size], g = svg(root, 'g', { class: 'box', transform: `translate(${x} ${y})` });
    const e = { g };
    const inner = { x: 4, y: 20, w: W - 24, h: h - 24 };
    svg(g, 'rect', { class: 'frame', width: W, height: h, rx: 4 });
    e.mark = svg(g, 'text', { class: 'mark', x: 26, y: 14 });
    svg(g, 'circle', { class: 'lamp', cx: 30, cy: 10, r: 4 });
    e.badge = svg(g, 'g', { class: 'badge' });
    svg(e.badge, 'rect', { x: W - 58, y: 3.5, width: 53, height: 13.5, rx: 6.5 });
    e.word = svg(e.badge, 'text', { x: W - 31.5, y: 13.6 });
    svg(g, 'rect', { class: 'hole', x: inner.x, y: inner.y, width: inner.w, height: inner.h, rx: 1 });
    e.sheets = svg(g, 'g');
    const swing = svg(g, 'g', { class: 'swing' });
    svg(swing, 'rect', { class: 'leaf', x: inner.x, y: inner.y, width: inner.w, height: inner.h, rx: 2 });
    svg(swing, 'rect', { class: 'knob', x: inner.x + inner.w - 9, y: inner.y + inner.h / 2 - 7, width: 3.5, height: 14, rx: 1.7 });
    e.ghosts = svg(swing, 'g');
    svg(g, 'text', { class: 'no', x: 6, y: 14.5 }, b.number); // above the leaf, which swings in front
    e.inner = inner;
    const right = inner.x + inner.w;
    svg(g, 'circle', { class: 'halo', cx: right + 9, cy: inner.y + 7, r: 9 });
    svg(g, 'rect', { class: 'coil', x: right + 4, y: inner.y + 1, width: 10, height: 12, rx: 2 });
    svg(g, 'rect', { class: 'bolt', x: right - 4, y: inner.y + 17, width: 13, height: 6, rx: 1.5 });
    e.dots = {};
    ['door', 'latch', 'item'].forEach((s, i) => {
      e.dots[s] = svg(g, 'circle', { class: 'dot', cx: right + 4 + i * 5.5, cy: h - 8, r: 2.2 });
    });
    e.differs = svg(g, 'g', { class: 'differs' });
    svg(e.differs, 'rect', { x: 2, y: 2, width: W - 4, height: h - 4, rx: 4 });
    svg(e.differs, 'circle', { cx: 15, cy: h - 13, r: 8 });
    svg(e.differs, 'text', { x: 15, y: h - 8.6 }, '!');
    // The button lies above all: what is written below it is in its name.
    e.pick = svg(g, 'rect', { class: 'pick', x: 0, y: 0, width: W, height: h, rx: 5, role: 'button', tabindex: -1 });
    g.addEventListener('click', () => choose(b.number, false));
    g.addEventListener('keydown', (ev) => keys(ev, b));
    boxes.set(b.number, e);
  };

  const keys = (ev, b) => {
    const step = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[ev.key];
    if (step) {
      ev.preventDefault();
      const columns = [...new Set(state.compartments.map((c) => c.column))].sort((p, q) => p - q);
      const column = columns[columns.indexOf(b.column) + step[0]];
      const to = state.compartments.find((c) => c.column === column && c.row === b.row + step[1]);
      if (to) choose(to.number, true);
    } else if (ev.key === 'Enter' || ev.key === ' ') {
      ev.preventDefault();
      const first = $('acts').querySelector('button:not(:disabled)');
      if (first) first.focus();
    }
  };

  const choose = (number, focus) => {
    selected = number;
    show();
    if (focus) boxes.get(number).pick.focus();
  };

  const badge = (b) => {
    const k = b.belief;
    if (!k) return ['b_off', 'off'];
    if (k.fault) return ['b_fault', 'doubt'];
    if (k.purpose) return ['x_' + k.purpose, 'work'];
    if (k.blocked) return ['b_blocked', 'doubt'];
    return ['b_' + k.use, { free: '', reserved: 'work', occupied: 'busy', to_check: 'doubt' }[k.use]];
  };
  const has = (b, sensor) => sensor === 'door' || b.sensors === 'all' || b.sensors === { latch: 'latch', item: 'presence' }[sensor];
  const truth = (b, sensor) => ({ door: b.open, latch: b.latched, item: (b.papers || []).length > 0 }[sensor]);
  const isCut = (b, s) => (b.cut || []).includes(s);
  const isStuck = (b, s) => (b.stuck || {})[s];
  // reading is what comes over a sensor's wire: yes, no, or nothing.
  const reading = (b, s) => {
    if (isCut(b, s)) return 'unknown';
    if (isStuck(b, s)) return isStuck(b, s);
    if (s === 'item' && b.blind) return 'no';
    return truth(b, s) ? 'yes' : 'no';
  };

  const showBox = (b) => {
    const e = boxes.get(b.number), [word, look] = badge(b), papers = b.papers || [];
    const broken = b.jam || b.sticky || b.loose || b.bounce_ns || b.blind || (b.cut || []).length || b.stuck;
    e.g.setAttribute('class', ['box', look, b.open ? 'open' : '', b.latched ? '' : 'unlatched', b.coil ? 'coil-on' : '',
      b.lamp ? 'lamp-on' : '', b.differs.length ? 'differs-on' : ''].join(' '));
    e.pick.setAttribute('aria-pressed', b.number === selected);
    e.pick.setAttribute('tabindex', b.number === selected ? 0 : -1);
    e.pick.setAttribute('aria-label', `${t('fach')} ${b.number}: ${b.open ? t('open') : t('shut')}, ${t(word)}, ` +
      `${papers.length} ${t('papers')}${b.differs.length ? ', ' + t('differs') : ''}`);
    setText(e.word, t(word));
    setText(e.mark, (broken ? '⚡' : '') + (b.held ? '✋' : ''));
    for (const s of ['door', 'latch', 'item']) {
      e.dots[s].setAttribute('class', 'dot ' + (!has(b, s) ? 'absent' : isCut(b, s) ? 'cut' : isStuck(b, s) || (s === 'item' && b.blind) ? 'stuck' : reading(b, s)));
    }
    rebuild(e.sheets, [papers.length], (p) => {
      for (let i = 0; i < Math.min(papers.length, 4); i++) {
        svg(p, 'rect', { class: 'sheet', x: e.inner.x + 34 + i * 3, y: e.inner.y + e.inner.h - 20 - i * 3, width: 44, height: 17, rx: 1 });
      }
    });
    rebuild(e.ghosts, [papers.length, b.open], (p) => {
      for (let i = 0; i < Math.min(b.open ? 0 : papers.length, 3); i++) {
        svg(p, 'rect', { class: 'ghost', x: e.inner.x + 20 + i * 4, y: e.inner.y + e.inner.h - 22 - i * 4, width: 42, height: 16, rx: 1 });
      }
    });
  };

  const showTerminal = () => {
    const s = state.terminal, dead = state.controller !== 'on';
    $('terminal').setAttribute('class', dead ? 'dead' : '');
    setText($('screen-big'), s.compartment ? String(s.compartment) : '');
    const lines = [''];
    for (const w of (s.title || '').split(' ')) {
      const last = lines.length - 1;
      if ((lines[last] + ' ' + w).length > 21 && lines[last]) lines.push(w); else lines[last] = (lines[last] + ' ' + w).trim();
    }
    for (let i = 0; i < 3; i++) setText($('screen-' + i), (lines[i] || '') + (i === 2 && lines.length > 3 ? ' …' : ''));
    if (!s.compartment) for (let i = 0; i < 3; i++) $('screen-' + i).setAttribute('y', 104 + i * 14);
    else for (let i = 0; i < 3; i++) $('screen-' + i).setAttribute('y', 132 + i * 14);
  };

  // ---- the panel

  const showPanel = () => {
    const b = state.compartments.find((c) => c.number === selected) || state.compartments[0];
    selected = b.number;
    setText($('h-panel'), `${t('fach')} ${b.number}`);
    setText($('panel-hint'), `${t('size')} ${b.size} · ${t('profile')}: ${t('p_' + b.sensors)}`);
    showDetail(b);
    showFacts(b);
    showActs(b);
  };

  const showDetail = (b) => {
    const root = $('detail'), papers = b.papers || [];
    // A door that only moves keeps its leaf, so that it swings.
    if (root.of !== b.number + lang) makeDetail(root, b);
    root.setAttribute('class', [b.open ? 'open' : '', b.latched ? '' : 'unlatched', b.coil ? 'coil-on' : ''].join(' '));
    rebuild(root.papers, [papers, b.open], (p) => {
      papers.slice(0, 4).forEach((name, i) => {
        const g = svg(p, 'g', { class: b.open ? 'paper' : 'paper ghost', transform: `translate(${50 + i * 6} ${118 - i * 24})` });
        svg(g, 'rect', { width: 126, height: 20, rx: 2 });
        svg(g, 'text', { x: 6, y: 14 }, (name.length > 19 ? name.slice(0, 18) + '…' : name) + (i === 3 && papers.length > 4 ? ` (+${papers.length - 4})` : ''));
      });
    });
    root.heat.setAttribute('width', String(Math.min(1, b.heat || 0) * 46));
    setText(root.coilWord, [t('coil'), b.jam ? '· ' + t('jam') : ''].join(' '));
    rebuild(root.wires, [b.cut, b.stuck, b.blind, b.open, b.latched, papers.length, b.sensors, b.coil], (p) => {
      const lines = { door: [208, 34, 46], latch: [258, 72, 92], item: [60, 152, 138] };
      svg(p, 'path', { class: 'wire power', d: 'M282 104 C300 104 300 116 318 116' });
      for (const s of ['door', 'latch', 'item']) {
        if (!has(b, s)) continue;
        const [x, y, to] = lines[s];
        const bad = isCut(b, s) ? 'cut' : isStuck(b, s) || (s === 'item' && b.blind) ? 'stuck' : '';
        const bend = s === 'item' ? `M${x} ${y} C${x} 186 240 190 270 176 S300 ${to} 318 ${to}` : `M${x} ${y} C${x + 40} ${y - 14} 290 ${to} 318 ${to}`;
        svg(p, 'path', { class: 'wire ' + bad, d: bend });
        svg(p, 'rect', { class: 'sensor', x: x - 6, y: y - 5, width: 12, height: 10, rx: 2 });
        const says = { door: { yes: 'open', no: 'shut' }, latch: { yes: 'locked', no: 'unlocked' }, item: { yes: 'something', no: 'empty' } }[s];
        const word = bad === 'cut' ? `✂ ${t('cut')}` : (s === 'item' && b.blind ? t('blind') + ': ' : bad ? t('stuck') + ': ' : '') + t(says[reading(b, s)]);
        const near = { door: [216, 22], latch: [226, 64], item: [74, 166] }[s];
        svg(p, 'text', { class: 'label', x: near[0], y: near[1] }, t(s));
        const column = { door: 14, latch: 128, item: 276 }[s];
        svg(p, 'text', { class: 'label', x: column, y: 208 }, t(s));
        svg(p, 'text', { class: bad ? 'says bad' : 'says', x: column, y: 223 }, word);
        svg(p, 'rect', { class: 'pin', x: 315, y: to - 3, width: 7, height: 6 });
      }
      svg(p, 'rect', { class: 'pin', x: 315, y: 113, width: 7, height: 6 });
    });
  };

  const makeDetail = (root, b) => {
    root.replaceChildren();
    root.of = b.number + lang;
    svg(root, 'rect', { class: 'hole', x: 14, y: 24, width: 196, height: 122, rx: 3 });
    root.papers = svg(root, 'g');
    const swing = svg(root, 'g', { class: 'swing' });
    svg(swing, 'rect', { class: 'leaf', x: 14, y: 24, width: 196, height: 122, rx: 3 });
    svg(swing, 'text', { class: 'bigno', x: 112, y: 68 }, b.number);
    svg(swing, 'rect', { class: 'knob', x: 188, y: 76, width: 6, height: 26, rx: 3 });
    root.append(root.papers); // what is behind a shut door is seen through it
    svg(root, 'rect', { class: 'bolt', x: 202, y: 82, width: 26, height: 12, rx: 2 });
    svg(root, 'circle', { class: 'halo', cx: 256, cy: 104, r: 32 });
    for (let i = 0; i < 6; i++) svg(root, 'ellipse', { class: 'winding', cx: 236 + i * 8, cy: 104, rx: 5, ry: 13 });
    svg(root, 'rect', { class: 'heat-back', x: 232, y: 124, width: 46, height: 5, rx: 2 });
    root.heat = svg(root, 'rect', { class: 'heat', x: 232, y: 124, width: 0, height: 5, rx: 2 });
    root.coilWord = svg(root, 'text', { class: 'label', x: 232, y: 144 });
    svg(root, 'rect', { class: 'board', x: 318, y: 26, width: 68, height: 130, rx: 4 });
    svg(root, 'text', { class: 'board-text', x: 352, y: 86 }, t('wire'));
    svg(root, 'text', { class: 'board-text', x: 352, y: 102 }, '#' + b.number);
    root.wires = svg(root, 'g');
  };

  const showFacts = (b) => {
    const k = b.belief, papers = (b.papers || []).length;
    const said = (value, yes, no) => (!k ? t('nobelief') : value === 'yes' ? t(yes) : value === 'no' ? t(no) : t('unknown'));
    let use = k ? t('u_' + k.use) : t('nobelief');
    if (k && k.fault) use += ` · ${t('f_' + k.fault)}`;
    if (k && k.blocked) use += ` · ${t('u_blocked')}`;
    if (k && k.delivery) use += ` · ${t('delivery')} ${k.delivery}${k.state ? ', ' + t('s_' + k.state) : ''}`;
    const rows = [
      ['door', b.open ? t('open') : t('shut') + (b.held ? ' ✋' : ''), said(k && k.open, 'open', 'shut'), b.differs.includes('door')],
      ['latch', b.latched ? t('locked') : t('unlocked'), has(b, 'latch') ? said(k && k.locked, 'locked', 'unlocked') : t('none'), b.differs.includes('latch')],
      ['item', papers ? `${papers} ${t('papers')}` : t('empty'), has(b, 'item') ? said(k && k.item, 'something', 'empty') : t('none'), b.differs.includes('item')],
      ['use', papers ? t('something') : t('empty'), use, b.differs.includes('inside')],
    ];
    rebuild($('facts').tBodies[0], rows, (body) => {
      for (const [name, real, thought, wrong] of rows) {
        const tr = html(body, 'tr', wrong ? { class: 'wrong' } : {});
        html(tr, 'th', { scope: 'row' }, t(name));
        html(tr, 'td', {}, real);
        html(tr, 'td', {}, thought);
      }
    });
  };

  // The panel's buttons are made once per compartment and language, so that the
  // focus stays on them; what they allow is set at each state.
  const showActs = (b) => {
    const root = $('acts');
    if (root.of !== b.number + lang) makeActs(root, b);
    for (const { button, off, pressed } of root.buttons) {
      const now = current();
      if (off) button.disabled = off(now);
      if (pressed) button.setAttribute('aria-pressed', pressed(now));
    }
    rebuild($('paper-list'), state.hands, (l) => state.hands.forEach((p) => html(l, 'option', { value: p })));
  };

  const current = () => state.compartments.find((c) => c.number === selected);

  const makeActs = (root, b) => {
    root.of = b.number + lang;
    root.buttons = [];
    root.replaceChildren();
    const n = b.number;
    const group = (key) => {
      const f = html(root, 'fieldset');
      html(f, 'legend', {}, t('g_' + key));
      return html(f, 'div', { class: 'row' });
    };
    const button = (row, key, path, body, { off, pressed, cls } = {}) => {
      const e = html(row, 'button', { type: 'button', ...(cls && { class: cls }) }, t(key));
      e.addEventListener('click', () => post(path, typeof body === 'function' ? body() : body));
      root.buttons.push({ button: e, off, pressed });
      return e;
    };
    const door = (what) => ({ compartment: n, do: what });
    let row = group('door');
    button(row, 'pull', 'door', door('pull'), { off: (c) => c.open });
    button(row, 'close_door', 'door', door('close'), { off: (c) => !c.open });
    button(row, 'slam', 'door', door('slam'), { off: (c) => !c.open });
    button(row, 'hold', 'door', () => door(current().held ? 'let_go' : 'hold'), { off: (c) => c.open, pressed: (c) => Boolean(c.held) });
    button(row, 'pry', 'door', door('pry'), { off: (c) => c.open, cls: 'bad' });

    row = group('paper');
    const list = html(row, 'datalist', { id: 'paper-list' });
    list.shown = '';
    const input = html(row, 'input', { list: 'paper-list', maxlength: 60, placeholder: t('fresh'), 'aria-label': t('paper') });
    button(row, 'put', 'paper', () => {
      const name = input.value.trim() || state.hands[0];
      input.value = '';
      return { compartment: n, do: 'put', ...(name && { paper: name }) };
    }, { off: (c) => !c.open });
    button(row, 'take', 'paper', { compartment: n, do: 'take' }, { off: (c) => !c.open || !(c.papers || []).length });

    row = group('mech');
    const fault = (name, is) => button(row, name, 'fault', () => ({ compartment: n, fault: name, on: !is(current()) }), { pressed: is });
    fault('jam', (c) => Boolean(c.jam));
    fault('sticky', (c) => Boolean(c.sticky));
    fault('loose', (c) => Boolean(c.loose));
    fault('bounce', (c) => Boolean(c.bounce_ns));
    button(row, 'mend', 'mend', { compartment: n });

    const sensors = group('sensors').parentElement;
    sensors.lastElementChild.remove();
    for (const s of ['door', 'latch', 'item']) {
      if (!has(b, s)) continue;
      row = html(sensors, 'div', { class: 'row tight' });
      html(row, 'span', { class: 'what' }, t(s));
      const act = (what) => ({ compartment: n, sensor: s, do: what });
      button(row, 'docut', 'sensor', () => act(isCut(current(), s) ? 'mend' : 'cut'), { pressed: (c) => isCut(c, s) });
      for (const v of ['yes', 'no']) {
        button(row, `${v}_${s}`, 'sensor', () => act(isStuck(current(), s) === v ? 'free' : 'stick_' + v), { pressed: (c) => isStuck(c, s) === v });
      }
      if (s === 'item') button(row, 'blind', 'fault', () => ({ compartment: n, fault: 'blind', on: !current().blind }), { pressed: (c) => Boolean(c.blind) });
    }

    row = group('board');
    button(row, 'refuse', 'board', { compartment: n, do: 'refuse' });
    button(row, 'lose_answer', 'board', { compartment: n, do: 'lose_answer' });
  };

  // ---- everything around

  const showTools = () => {
    const root = $('tools'), on = state.controller === 'on';
    rebuild(root, [on, state.mains, state.tamper, state.plugged, state.disk_full, state.clock.off_seconds, state.clock.synced], () => {
      const group = (key) => {
        const f = html(root, 'fieldset');
        html(f, 'legend', {}, t(key));
        return f;
      };
      const button = (f, key, path, body, cls) => {
        const e = html(f, 'button', { type: 'button', id: 'do-' + key, ...(cls && { class: cls }) }, t(key));
        e.addEventListener('click', () => post(path, body));
        return e;
      };
      let f = group('w_ctrl');
      if (on) {
        button(f, 'kill', 'controller', { do: 'kill' }, 'bad');
        button(f, 'crash', 'controller', { do: 'crash' }, 'bad');
        button(f, 'stop', 'controller', { do: 'stop' });
      } else {
        button(f, 'start', 'controller', { do: 'start' }, 'good');
      }
      f = group('w_case');
      if (state.mains) button(f, 'mains_off', 'mains', { on: false }); else button(f, 'mains_on', 'mains', { on: true }, 'good');
      if (state.tamper) button(f, 'tamper_off', 'tamper', { on: false }, 'good'); else button(f, 'tamper_on', 'tamper', { on: true });
      if (state.plugged) button(f, 'unplug', 'adapter', { plugged: false }); else button(f, 'plug', 'adapter', { plugged: true }, 'good');
      if (state.disk_full) button(f, 'disk_off', 'disk', { full: false }, 'good'); else button(f, 'disk_on', 'disk', { full: true });
      f = group('w_time');
      for (const s of [60, 600, 86400, 864000]) button(f, 'pass' + s, 'clock/pass', { seconds: s });
      button(f, 'jump_back', 'clock/jump', { seconds: -7200 });
      button(f, 'jump_on', 'clock/jump', { seconds: 172800 });
      if (state.clock.off_seconds) button(f, 'unjump', 'clock/jump', { seconds: -state.clock.off_seconds }, 'good');
      if (state.clock.synced) button(f, 'sync_off', 'clock/synced', { on: false }); else button(f, 'sync_on', 'clock/synced', { on: true });
    });
  };

  const showChips = () => {
    const chips = [], s = state.station;
    const volts = `${state.volts.toFixed(1).replace('.', lang === 'de' ? ',' : '.')} V`;
    chips.push(state.controller === 'on' ? ['ok', t('c_on')] : ['bad', t('c_off') + (state.why ? `: ${state.why}` : '')]);
    chips.push(state.mains ? ['ok', `${t('c_mains')} ${volts}`] : ['warn', `${t('c_battery')} ${volts}`]);
    if (state.tamper) chips.push(['bad', t('c_tamper')]);
    if (!state.plugged) chips.push(['warn', t('c_unplugged')]);
    if (state.disk_full) chips.push(['warn', t('c_disk')]);
    chips.push(state.clock.synced ? ['ok', t('c_synced')] : ['', t('c_unsynced')]);
    if (state.clock.off_seconds) chips.push(['warn', t('c_wrong')]);
    if (s && s.clock_untrusted) chips.push(['warn', t('c_untrusted')]);
    if (state.tone) chips.push(['tone', `${t('c_tone')}: ${t('t_' + state.tone)}`]);
    if (state.violations.length) chips.push(['bad', `${t('c_violation')}: ${state.violations.length}`]);
    rebuild($('chips'), chips, (l) => chips.forEach(([c, text]) => html(l, 'li', { class: c }, text)));
  };

  const local = (iso, options) => new Intl.DateTimeFormat(lang === 'de' ? 'de-DE' : 'en-GB', { timeZone: 'Europe/Berlin', ...options }).format(new Date(iso));

  const showPhone = () => {
    $('phone-none').hidden = state.phone.length > 0;
    rebuild($('phone'), state.phone, (l) => {
      for (const m of state.phone) {
        const li = html(l, 'li');
        html(li, 'p', { class: 'meta' }, `${local(m.at, { dateStyle: 'short', timeStyle: 'short' })} ${t('phone.to')} ${m.to}`);
        if (m.error) {
          html(li, 'p', {}, `${t('phone.bad')}: ${m.error}`);
          continue;
        }
        html(li, 'p', {}, t('phone.ready'));
        html(li, 'p', { class: 'code' }, m.code);
        for (const i of m.items) {
          html(li, 'p', { class: 'meta' }, `${t('phone.compartment')} ${i.compartment}${i.reference ? ' · ' + i.reference : ''} · ${t('phone.until')} ${local(i.hold_until, { dateStyle: 'medium' })}`);
        }
        html(li, 'button', { type: 'button' }, t('phone.scan')).addEventListener('click', () => post('scan', { text: m.qr }));
      }
    });
  };

  const showProblems = () => {
    const list = state.station ? state.station.problems : [];
    $('problems-none').hidden = list.length > 0;
    setText($('problems-none'), t(state.station ? 'problems.none' : 'problems.off'));
    rebuild($('problems'), list.map((p) => [p.key, p.text]), (l) => {
      for (const p of list) {
        const li = html(l, 'li', { class: p.severity });
        html(li, 'strong', {}, p.text);
        html(li, 'p', { class: 'do' }, p.do);
      }
    });
    $('hands-none').hidden = state.hands.length > 0;
    rebuild($('hands'), state.hands, (l) => {
      for (const p of state.hands) {
        const li = html(l, 'li', {}, p);
        html(li, 'button', { type: 'button', 'aria-label': `${p}: ${t('drop')}`, title: t('drop') }, '✕').addEventListener('click', () => post('hands', { do: 'drop', paper: p }));
      }
    });
  };

  const ALARM = /forced|disputed|rejected|alarm|damaged|jammed|loose|lost|untrusted|panic|opened_case|left_open/;
  const showLog = () => {
    const lines = [...state.log].reverse();
    rebuild($('log'), [lines.length, lines[0]], (l) => {
      for (const e of lines) {
        const li = html(l, 'li', ALARM.test(e.type) ? { class: 'alarm' } : {});
        html(li, 'span', { class: 'seq' }, '#' + e.seq);
        html(li, 'span', { class: 'at' }, local(e.at, { timeStyle: 'medium' }));
        html(li, 'span', { class: 'type' }, e.type);
        html(li, 'span', {}, e.compartment ? String(e.compartment) : '');
        html(li, 'span', { class: 'who' }, [e.delivery ? `${t('delivery')} ${e.delivery}` : '', e.code || '', e.actor].filter(Boolean).join(' · '));
      }
    });
  };

  let wallAt = 0; // of the wall clock, at performance.now() 0
  const showClock = () => {
    if (!state) return;
    const now = new Date(wallAt + performance.now()).toISOString();
    setText($('time'), local(now, { timeStyle: 'medium' }));
    setText($('date'), local(now, { dateStyle: 'full' }));
  };

  const words = () => {
    document.documentElement.lang = lang;
    for (const e of document.querySelectorAll('[data-t]')) setText(e, t(e.dataset.t));
    setText($('language'), t('other'));
    $('language').lang = lang === 'de' ? 'en' : 'de';
    $('tools').setAttribute('aria-label', t('tool'));
    document.title = `${t('title')} – ${t('cabinet')}`;
    $('steps').replaceChildren();
    for (const s of t('steps')) html($('steps'), 'li', {}, s);
    $('legend').replaceChildren();
    ['l_free', 'l_busy', 'l_check', 'l_paper', 'l_differs', 'l_sensors'].forEach((k, i) => {
      const li = html($('legend'), 'li');
      html(li, 'span', { class: 'k' + (i + 1) });
      li.append(t(k));
    });
  };

  const show = () => {
    if (boxes.size !== state.compartments.length) draw();
    state.compartments.forEach(showBox);
    showTerminal();
    showPanel();
    showTools();
    showChips();
    showPhone();
    showProblems();
    showLog();
    $('to-terminal').href = state.links.terminal;
    $('to-staff').href = state.links.staff;
    $('clock').className = 'clock' + (state.clock.off_seconds ? ' wrong' : '');
    document.body.dataset.ready = 'yes';
  };

  $('language').addEventListener('click', () => {
    lang = lang === 'de' ? 'en' : 'de';
    try {
      localStorage.setItem('lang', lang);
    } catch { /* as above */ }
    words();
    if (state) show();
  });
  $('help-open').addEventListener('click', () => $('help').showModal());

  words();
  const stream = new EventSource('/api/world/events');
  stream.addEventListener('state', (e) => {
    state = JSON.parse(e.data);
    wallAt = Date.parse(state.clock.wall) - performance.now();
    $('gone').hidden = true;
    show();
    showClock();
  });
  stream.addEventListener('error', () => { $('gone').hidden = false; });
  setInterval(showClock, 250);
})();
