/* The front door by route: how requests were answered, and how soon. */
import { h } from '../dom.js';
import { duration, number } from '../format.js';
import { t } from '../i18n.js';
import { card, empty, table } from '../ui.js';

const STATUSES = ['2xx', '3xx', '4xx', '5xx'];
const SLOWEST_BOUND_MS = 30_000; // of the histogram; null is over it

const within = (ms) => (ms === null ? `> ${duration(SLOWEST_BOUND_MS)}` : `≤ ${duration(ms)}`);
const count = (title, name) => ({ title, cell: (row) => number(row[name]), numeric: true });

export function routesCard(routes) {
  if (routes.length === 0) return card(t('health.routes_title'), empty(t('health.no_requests')));
  return card(t('health.routes_title'), table({
    caption: t('health.routes_title'), rows: routes, rowAttributes: (row) => ({ id: `route-${row.route}` }), columns: [
      { title: t('health.route'), cell: (row) => h('code', null, row.route), header: true },
      count(t('health.requests'), 'requests'),
      ...STATUSES.map((name) => count(name, name)),
      count(t('health.left'), 'left'),
      { title: t('health.half_within'), cell: (row) => within(row.p50_ms), numeric: true },
      { title: t('health.most_within'), cell: (row) => within(row.p95_ms), numeric: true },
    ] }), h('p', { class: 'mz-soft' }, t('health.routes_note')));
}
