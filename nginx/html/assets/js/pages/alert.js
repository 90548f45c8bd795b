/* One alert: what it saw, what was decided by which numbers, and where that was said. */
import { get } from '../api.js';
import { h, replace } from '../dom.js';
import { alertFacts, toDo } from '../alerts/parts.js';
import strings from '../alerts/strings.js';
import { channelName, decisionText, eventName, measure, ruleName, stateBadge } from '../alerts/words.js';
import { errorText } from '../errors.js';
import { keepFocus } from '../focus.js';
import { number, timeElement } from '../format.js';
import { t } from '../i18n.js';
import { repeat } from '../live.js';
import { stranger } from '../terms.js';
import { badge, card, empty, facts, link, pageHeader, table } from '../ui.js';

const REFRESH_MS = 10_000;
const DELIVERY_KINDS = { pending: 'warn', delivered: 'ok', given_up: 'alarm' };

export default { title: 'page.alert', strings, render };

async function render(root, { id, signal }) {
  const load = () => Promise.all([get(`/admin/alerts/${encodeURIComponent(id)}`, null, { signal }), get('/admin/alerts', { state: 'firing' }, { signal })]);
  const body = h('div');
  const status = h('p', { class: 'mz-soft', role: 'status' });
  let drawn = null;

  function draw([alert, { rules }]) {
    replace(status);
    const what = JSON.stringify(alert);
    if (what === drawn) return;
    drawn = what;
    keepFocus(() => replace(body, summaryCard(alert, rules.find((rule) => rule.rule === alert.rule)),
      decisionsCard(alert), deliveriesCard(alert), rollbackCard(alert)));
  }

  const first = await load();
  replace(root, pageHeader(t('alerts.title', { rule: ruleName(first[0].rule) }), link('/admin/alerts', t('alerts.back'))), body, status);
  document.title = t('app.title', { page: t('alerts.title', { rule: ruleName(first[0].rule) }) });
  draw(first);
  repeat(async () => {
    try {
      draw(await load());
    } catch (error) {
      if (!signal.aborted) replace(status, t('alerts.stale', { why: errorText(error) }));
    }
  }, { everyMs: REFRESH_MS, signal });
}

function summaryCard(alert, rule) {
  const kind = { firing: 'alarm', pending: 'warn', resolved: 'ok' }[alert.state];
  return h('section', { class: `mz-card mz-verdict mz-verdict-${kind}`, 'aria-labelledby': 'alert-state' },
    h('h2', { id: 'alert-state' }, stateBadge(alert.state)),
    h('p', null, measure(alert)), toDo(alert, rule), alertFacts(alert));
}

/* The numbers of a decision, so that anyone can check it. */
function inputsOf(inputs) {
  return h('details', null, h('summary', null, t('alerts.numbers')),
    h('ul', { class: 'mz-details' }, Object.entries(inputs).map(([name, value]) =>
      h('li', null, h('span', { class: 'mz-soft' }, `${name}: `), stranger(typeof value === 'string' ? value : JSON.stringify(value))))));
}

function decisionsCard({ rule, escalated_at: escalatedAt, decisions }) {
  return card(t('alerts.decisions'), decisions.length === 0 ? empty(t('alerts.no_decisions')) : table({
    caption: t('alerts.decisions'), rows: decisions, columns: [
      { title: t('alerts.at'), cell: (each) => timeElement(each.at, { seconds: true }), header: true },
      { title: t('alerts.decision'), cell: (each) => decisionText({ ...each, rule, escalated_at: each === decisions.at(-1) ? escalatedAt : null }), wide: true },
      { title: t('alerts.saw'), cell: (each) => [measure({ rule, inputs: each.inputs }), inputsOf(each.inputs)], wide: true },
      { title: t('alerts.build'), cell: (each) => h('code', null, each.build_id) },
    ] }));
}

function deliveryState(each) {
  return [badge(DELIVERY_KINDS[each.state], t(`alerts.delivery_${each.state}`)),
    each.state === 'pending' && each.attempts > 0 && [` ${t('alerts.next_try')} `, timeElement(each.due_at, { seconds: true })],
    each.state === 'delivered' && [' ', timeElement(each.delivered_at, { seconds: true })]];
}

function deliveriesCard({ deliveries }) {
  return card(t('alerts.messages'), deliveries.length === 0 ? empty(t('alerts.no_messages')) : table({
    caption: t('alerts.messages'), rows: deliveries, columns: [
      { title: t('alerts.at'), cell: (each) => timeElement(each.created_at, { seconds: true }), header: true },
      { title: t('alerts.channel'), cell: (each) => channelName(each.channel) },
      { title: t('alerts.event'), cell: (each) => eventName(each.event) },
      { title: t('alerts.state'), cell: deliveryState },
      { title: t('alerts.attempts'), cell: (each) => number(each.attempts), numeric: true },
      { title: t('alerts.last_error'), cell: (each) => stranger(each.last_error), wide: true },
    ] }));
}

function rollbackCard({ rollback }) {
  if (rollback === null) return null;
  return card(t('alerts.rollback'), facts([
    [t('alerts.rollback_left'), h('code', null, rollback.build_id)],
    [t('alerts.rollback_started'), timeElement(rollback.started_at, { seconds: true })],
    [t('alerts.rollback_finished'), timeElement(rollback.finished_at, { seconds: true })],
    [t('alerts.rollback_status'), number(rollback.exit_status)],
  ]), rollback.output && h('pre', { class: 'mz-command', tabindex: '0', 'aria-label': t('alerts.rollback_output') }, rollback.output));
}
