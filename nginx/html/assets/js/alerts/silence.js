/* Holding a rule's messages back, and letting them go again. */
import { send } from '../api.js';
import { h } from '../dom.js';
import { timeElement } from '../format.js';
import { t } from '../i18n.js';
import { stranger } from '../terms.js';
import { button, card, confirmDialog, table, toast } from '../ui.js';
import { ruleName, span } from './words.js';

const MINUTES = [15, 30, 60, 240, 720, 1440];
const MAX_REASON = 500;

/* Asks, and does it; resolves to whether it was done. */
export async function silence(rule, signal) {
  return await confirmDialog({
    title: t('alerts.silence_title', { rule: ruleName(rule) }), text: t('alerts.silence_text'), action: t('alerts.silence_action'),
    fields: [
      { name: 'minutes', label: t('alerts.silence_for'), options: MINUTES.map((minutes) => [String(minutes), span(minutes * 60)]), value: '60' },
      { name: 'reason', label: t('alerts.silence_reason'), required: true, max: MAX_REASON },
    ], signal,
    act: async ({ minutes, reason }) => {
      await send('POST', '/admin/alerts/silences', { rule, minutes: Number(minutes), reason }, { signal });
      toast(t('alerts.silenced'));
    } }) !== null;
}

/* end: called with the silence; null: a viewer looks. */
export function silencesCard(silences, end) {
  if (silences.length === 0) return null;
  return card(t('alerts.silences'), table({
    caption: t('alerts.silences'), rows: silences, columns: [
      { title: t('alerts.rule'), cell: (each) => ruleName(each.rule), header: true },
      { title: t('alerts.silence_by'), cell: (each) => h('bdi', null, each.operator) },
      { title: t('alerts.silence_why'), cell: (each) => stranger(each.reason), wide: true },
      { title: t('alerts.silence_ends'), cell: (each) => timeElement(each.ends_at) },
      end && { title: t('alerts.messages'), cell: (each) => button(t('alerts.silence_end'), () => end(each), 'sm btn-outline-secondary',
        { id: `end-${each.id}`, 'aria-label': t('alerts.silence_end_of', { rule: ruleName(each.rule) }) }) },
    ].filter(Boolean) }));
}

export async function endSilence({ id }, signal) {
  await send('POST', `/admin/alerts/silences/${id}/end`, undefined, { signal });
  toast(t('alerts.silence_ended'));
}
