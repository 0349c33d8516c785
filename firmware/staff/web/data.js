// What the page knows of the station, and who wants to hear of changes.

import { api, t, $ } from './ui.js';

export const data = { me: null, status: null, deliveries: [], compartments: [], kinds: [] };
const listeners = new Set();
export const onChange = (f) => { listeners.add(f); return () => listeners.delete(f); };

export const may = (path) => ({
  announce: ['loader', 'supervisor'], deliveries: ['loader', 'supervisor', 'auditor'],
  accounts: ['supervisor'], inventory: ['loader', 'supervisor'], trust: ['supervisor', 'it'],
})[path].includes(data.me?.role);

export const delivery = (id) => data.deliveries.find((d) => d.id === id);
export const compartment = (n) => data.compartments.find((c) => c.number === n);

// look is the one word that the map shows for a compartment: its status, made
// more exact by what its delivery waits for.
export function look(c) {
  if (c.status !== 'occupied') return c.status;
  const d = delivery(c.delivery);
  if (d?.state === 'settling') return 'settling';
  if (d?.state === 'disputed') return 'disputed';
  if (d?.state === 'due' || d?.state === 'cancelled') return 'due';
  return 'occupied';
}

const live = 'announced,loading,settling,ready,due,opening,open,asking,cancelled,disputed';

async function allDeliveries(background) {
  if (!may('deliveries')) return [];
  const out = [];
  for (let after = '', page = 0; page < 10; page++) {
    const r = await api('GET', `/deliveries?state=${live}&limit=200${after}`, undefined, { background });
    out.push(...r.deliveries);
    if (!r.next) break;
    after = `&after=${r.next}`;
  }
  return out;
}

let running = null, again = false;
// refresh asks for everything shown; calls that come meanwhile are one more.
export function refresh(background = true) {
  if (running) { again = true; return running; }
  running = (async () => {
    do {
      again = false;
      const [status, deliveries, comps] = await Promise.all([
        api('GET', '/status', undefined, { background }), allDeliveries(background),
        api('GET', '/compartments', undefined, { background }),
      ]);
      Object.assign(data, { status, deliveries, compartments: comps.compartments });
    } while (again && data.me);
    for (const f of [...listeners]) f();
  })().finally(() => { running = null; });
  return running;
}

let stream = null;
export function connect() {
  disconnect();
  stream = new EventSource('/api/v1/events');
  stream.addEventListener('change', () => { online(true); refresh().catch(() => {}); });
  stream.onerror = () => {
    online(false);
    // Was it the session that ended? A refused answer says so.
    if (data.me) api('GET', '/status', undefined, { background: true }).catch(() => {});
  };
}
export function disconnect() { stream?.close(); stream = null; $('live').textContent = ''; }
function online(yes) {
  $('live').className = yes ? 'live on' : 'live off';
  $('live').textContent = yes ? t('page.live') : t('page.not_live');
}

// Somebody who works on the page without asking the station is still there.
let told = 0;
for (const kind of ['pointerdown', 'keydown']) addEventListener(kind, () => {
  if (!data.me || Date.now() - told < 60000) return;
  told = Date.now();
  api('GET', '/session').catch(() => {});
}, { passive: true });
