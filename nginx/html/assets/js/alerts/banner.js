/* That something fires, for pages that are about something else. */
import { get } from '../api.js';
import { h } from '../dom.js';
import { addStrings, t } from '../i18n.js';
import { link } from '../ui.js';
import strings from './strings.js';
import { decisionText, measure, ruleName, stateBadge } from './words.js';

addStrings(strings);

const UNKNOWN = { firing: [], alive: null, counts: null };

/*
 * {firing: alerts, alive: whether a watchdog evaluates the rules, counts: whether the access log is counted};
 * the latter two are null for whom the pilot's alerts are none of theirs, and when it cannot be told.
 */
export async function watchState(session, signal) {
  if (session.tenant_id !== null && session.tenant_id !== session.pilot_tenant_id) return UNKNOWN;
  return get('/admin/alerts', { state: 'firing' }, { signal })
    .then(({ alerts, watchdog }) => ({ firing: alerts, alive: watchdog.alive, counts: watchdog.counts }), () => UNKNOWN);
}

export function firingBanner(alerts) {
  if (alerts.length === 0) return null;
  return h('section', { class: 'mz-notice mz-alarm', 'aria-label': t('alerts.state_firing') },
    alerts.map((alert) => h('p', { class: 'mb-1' }, stateBadge(alert.state), ' ',
      link(`/admin/alerts/${alert.id}`, ruleName(alert.rule)), '. ', measure(alert), ' ', decisionText(alert))));
}
