/* What happened to an incident, and in which jobs it was seen. */
import { h } from '../dom.js';
import { timeElement } from '../format.js';
import { t, addStrings, known } from '../i18n.js';
import { stranger } from '../terms.js';
import { link, table } from '../ui.js';

addStrings({
  en: {
    'trail.history': 'History', 'trail.occurrences': 'Seen in', 'trail.when': 'When', 'trail.job': 'Job', 'trail.file': 'File',
    'trail.latest': 'The latest {n}.',
    'trail.worker': 'Mizan',
    'trail.incident.opened': 'opened it', 'trail.incident.repeated': 'saw it again',
    'trail.incident.acknowledged': 'acknowledged it', 'trail.incident.resolved': 'resolved it',
    'trail.incident.reopened': 'opened it again', 'trail.feedback.given': 'gave feedback',
    'trail.feedback.replaced': 'changed the feedback',
  },
  tr: {
    'trail.history': 'Geçmiş', 'trail.occurrences': 'Görüldüğü işler', 'trail.when': 'Zaman', 'trail.job': 'İş', 'trail.file': 'Dosya',
    'trail.latest': 'Son {n} tanesi.',
    'trail.worker': 'Mizan',
    'trail.incident.opened': 'olayı açtı', 'trail.incident.repeated': 'olayı yeniden gördü',
    'trail.incident.acknowledged': 'olayı üstlendi', 'trail.incident.resolved': 'olayı çözdü',
    'trail.incident.reopened': 'olayı yeniden açtı', 'trail.feedback.given': 'geri bildirim verdi',
    'trail.feedback.replaced': 'geri bildirimi değiştirdi',
  },
});

function entryItem(entry) {
  const key = `trail.${entry.action}`;
  const actor = entry.actor === 'worker' ? t('trail.worker') : stranger(entry.actor);
  const note = entry.detail?.resolution_note;
  return h('li', null,
    h('span', null, h('strong', null, actor), ' ', known(key) ? t(key) : stranger(entry.action)),
    h('span', { class: 'mz-note' }, ' · ', timeElement(entry.at, { seconds: true })),
    note ? h('blockquote', null, stranger(note)) : null);
}

export const historyView = (history) => h('ol', { class: 'mz-trail' }, history.map(entryItem));

export function occurrencesView(incident) {
  const shown = incident.occurrences;
  return [
    table({
      caption: t('trail.occurrences'),
      columns: [
        { title: t('trail.file'), header: true, wide: true, cell: (row) => stranger(row.filename, { fold: 80 }) },
        { title: t('trail.job'), cell: (row) => link(`/admin/jobs/${row.job_id}`, row.job_id.slice(0, 8)) },
        { title: t('trail.when'), cell: (row) => timeElement(row.created_at) },
      ],
      rows: shown,
    }),
    incident.occurrence_count > shown.length ? h('p', { class: 'mz-note' }, t('trail.latest', { n: shown.length })) : null,
  ];
}
