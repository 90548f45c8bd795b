/* How often hints were right, of the incidents resolved on the days that are asked for; all days unless told. */
import { get, urlWith } from '../api.js';
import { t } from '../i18n.js';
import { feedbackCard } from '../health/feedback.js';
import { preferredTenant } from '../session.js';
import { filterForm, link, pageHeader, tenantField, withResults } from '../ui.js';

const strings = {
  en: {
    'feedback_stats.from': 'Resolved from (UTC)',
    'feedback_stats.to': 'Resolved to (UTC)',
    'feedback_stats.back': 'System health',
  },
  tr: {
    'feedback_stats.from': 'Çözüm, ilk gün (UTC)',
    'feedback_stats.to': 'Çözüm, son gün (UTC)',
    'feedback_stats.back': 'Sistem sağlığı',
  },
};

async function render(root, { path, query, session, signal, navigate }) {
  const asked = { ...query, tenant_id: query.tenant_id ?? preferredTenant(session) };
  const filters = filterForm({
    query: asked, onChange: (changed) => navigate(urlWith(path, changed)), clearable: Object.keys(query).length > 0,
    fields: [tenantField(session),
      { name: 'start_date', label: t('feedback_stats.from'), type: 'date' },
      { name: 'end_date', label: t('feedback_stats.to'), type: 'date' }],
  });
  const back = link(urlWith('/admin/system-health', { tenant_id: query.tenant_id }), t('feedback_stats.back'));
  await withResults(root, [pageHeader(t('page.feedback-stats'), back), filters],
    async () => feedbackCard(await get(path, asked, { signal }), asked.tenant_id));
}

export default { title: 'page.feedback-stats', strings, render };
