/* How often hints were right: the figures of GET /admin/feedback-stats. */
import { h } from '../dom.js';
import { duration, percent } from '../format.js';
import { addStrings, t } from '../i18n.js';
import { actionWord } from '../terms.js';
import { card, empty, errorBox, figure, link, table } from '../ui.js';

addStrings({
  en: {
    'feedback_stats.title': 'Feedback',
    'feedback_stats.coverage': 'Coverage',
    'feedback_stats.of_resolved': '{part} of {all} resolved incidents',
    'feedback_stats.accuracy': 'Hints that were right',
    'feedback_stats.of_answers': 'of {n} answers',
    'feedback_stats.of_answers.one': 'of {n} answer',
    'feedback_stats.by_class': 'By what the hint advised',
    'feedback_stats.class': 'Hint',
    'feedback_stats.class_accuracy': 'Right',
    'feedback_stats.class_time': 'Time to resolve, on average',
    'feedback_stats.none_resolved': 'No incident was resolved in this period.',
    'feedback_stats.none_given': 'No feedback was given on the {n} incidents that were resolved in this period.',
    'feedback_stats.none_given.one': 'No feedback was given on the one incident that was resolved in this period.',
    'feedback_stats.to_resolved': 'See the resolved incidents',
  },
  tr: {
    'feedback_stats.title': 'Geri bildirim',
    'feedback_stats.coverage': 'Geri bildirim oranı',
    'feedback_stats.of_resolved': 'çözülen {all} olayın {part} tanesi',
    'feedback_stats.accuracy': 'Doğru çıkan ipuçları',
    'feedback_stats.of_answers': '{n} yanıt içinde',
    'feedback_stats.by_class': 'İpucunun önerdiği işleme göre',
    'feedback_stats.class': 'İpucu',
    'feedback_stats.class_accuracy': 'Doğru çıkan',
    'feedback_stats.class_time': 'Ortalama çözüm süresi',
    'feedback_stats.none_resolved': 'Bu dönemde çözülen olay yok.',
    'feedback_stats.none_given': 'Bu dönemde çözülen {n} olay için hiç geri bildirim verilmedi.',
    'feedback_stats.to_resolved': 'Çözülen olayları göster',
  },
});

/* A class without any answer has 0 for both, which says nothing. */
function classesOf({ action_class_accuracy: accuracy, avg_resolution_time_by_class: seconds }) {
  return Object.keys(accuracy).map((name) => {
    const answered = accuracy[name] > 0 || seconds[name] > 0;
    return { name, accuracy: answered ? accuracy[name] : null, ms: answered ? seconds[name] * 1000 : null };
  });
}

function figures(stats) {
  if (stats.resolved_total === 0) return empty(t('feedback_stats.none_resolved'));
  if (stats.total_feedback_count === 0) return empty(t('feedback_stats.none_given', { n: stats.resolved_total }));
  return [
    h('div', { class: 'mz-figures' },
      figure(t('feedback_stats.coverage'), percent(stats.feedback_coverage),
        t('feedback_stats.of_resolved', { part: stats.resolved_with_feedback, all: stats.resolved_total })),
      figure(t('feedback_stats.accuracy'), percent(stats.hint_accuracy_rate), t('feedback_stats.of_answers', { n: stats.total_feedback_count }))),
    table({
      caption: t('feedback_stats.by_class'), visibleCaption: true, rows: classesOf(stats), columns: [
        { title: t('feedback_stats.class'), cell: (row) => actionWord(row.name), header: true },
        { title: t('feedback_stats.class_accuracy'), cell: (row) => percent(row.accuracy), numeric: true },
        { title: t('feedback_stats.class_time'), cell: (row) => duration(row.ms), numeric: true },
      ] })];
}

/* stats: the answer, or {error} where there is none; tenant: whose; more: what stands below. */
export function feedbackCard(stats, tenant, ...more) {
  const resolved = `/admin/incidents?tenant_id=${encodeURIComponent(tenant)}&status=RESOLVED`;
  const section = card(t('feedback_stats.title'), stats.error ? errorBox(stats.error)
    : [figures(stats), stats.resolved_total > 0 && h('p', null, link(resolved, t('feedback_stats.to_resolved')))], more);
  section.id = 'feedback';
  return section;
}
