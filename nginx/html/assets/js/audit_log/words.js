/* What the audit log holds, in words: actions, and the members of their details. */
import { addStrings, known, t } from '../i18n.js';

addStrings({
  en: {
    'audited.incident.opened': 'Opened an incident', 'audited.incident.repeated': 'Saw an incident again',
    'audited.incident.acknowledged': 'Acknowledged an incident', 'audited.incident.resolved': 'Resolved an incident',
    'audited.incident.reopened': 'Reopened an incident',
    'audited.feedback.given': 'Gave feedback', 'audited.feedback.replaced': 'Changed feedback',
    'audited.job.cancelled': 'Cancelled a job', 'audited.job.retried': 'Retried a job', 'audited.smoke.run': 'Started a smoke run',
    'audited.pilot.set': 'Set the pilot’s switch', 'audited.pilot.purged': 'Removed the pilot’s data',
    'audited.alert.silence': 'Silenced a rule', 'audited.alert.silence_end': 'Ended a silence',
    'audited.session.opened': 'Signed in', 'audited.session.closed': 'Signed out',
    'audited.release.deploy': 'Deployed a build', 'audited.release.rollback': 'Rolled back',
    'member.job': 'job', 'member.category': 'category', 'member.severity': 'severity',
    'member.status': 'status', 'member.old_status': 'status before',
    'member.resolution_note': 'note', 'member.old_resolution_note': 'note before',
    'member.feedback': 'feedback', 'member.old_feedback': 'feedback before',
    'member.action_taken': 'what was done', 'member.was_hint_correct': 'hint was right', 'member.actual_root_cause': 'actual cause',
    'member.resolution_time_seconds': 'time it took', 'member.operator': 'by',
    'member.old_error': 'error before', 'member.enabled': 'on', 'member.old_enabled': 'on before',
    'member.reason': 'reason', 'member.old_reason': 'reason before', 'member.silence': 'silence', 'member.minutes': 'minutes',
    'member.from': 'from', 'member.to': 'to', 'member.outcome': 'outcome', 'member.rows': 'rows removed', 'member.backup': 'backup', 'member.user': 'by',
  },
  tr: {
    'audited.incident.opened': 'Olay açtı', 'audited.incident.repeated': 'Olayı yeniden gördü',
    'audited.incident.acknowledged': 'Olayı üstlendi', 'audited.incident.resolved': 'Olayı çözdü',
    'audited.incident.reopened': 'Olayı yeniden açtı',
    'audited.feedback.given': 'Geri bildirim verdi', 'audited.feedback.replaced': 'Geri bildirimi değiştirdi',
    'audited.job.cancelled': 'İşi iptal etti', 'audited.job.retried': 'İşi yeniden denedi', 'audited.smoke.run': 'Smoke testi başlattı',
    'audited.pilot.set': 'Pilot anahtarını değiştirdi', 'audited.pilot.purged': 'Pilotun verilerini sildi',
    'audited.alert.silence': 'Kuralı susturdu', 'audited.alert.silence_end': 'Susturmayı bitirdi',
    'audited.session.opened': 'Oturum açtı', 'audited.session.closed': 'Oturumu kapattı',
    'audited.release.deploy': 'Sürüm kurdu', 'audited.release.rollback': 'Önceki sürüme döndü',
    'member.job': 'iş', 'member.category': 'kategori', 'member.severity': 'önem',
    'member.status': 'durum', 'member.old_status': 'önceki durum',
    'member.resolution_note': 'not', 'member.old_resolution_note': 'önceki not',
    'member.feedback': 'geri bildirim', 'member.old_feedback': 'önceki geri bildirim',
    'member.action_taken': 'yapılan işlem', 'member.was_hint_correct': 'ipucu doğruydu', 'member.actual_root_cause': 'gerçek neden',
    'member.resolution_time_seconds': 'çözüm süresi', 'member.operator': 'bildiren',
    'member.old_error': 'önceki hata', 'member.enabled': 'açık', 'member.old_enabled': 'önceden açık',
    'member.reason': 'gerekçe', 'member.old_reason': 'önceki gerekçe', 'member.silence': 'susturma', 'member.minutes': 'dakika',
    'member.from': 'önceki', 'member.to': 'yeni', 'member.outcome': 'sonuç', 'member.rows': 'silinen satırlar', 'member.backup': 'yedek', 'member.user': 'kim',
  },
});

/* In the order of an incident's life, then the rest. */
export const ACTIONS = ['incident.opened', 'incident.repeated', 'incident.acknowledged', 'incident.resolved', 'incident.reopened',
  'feedback.given', 'feedback.replaced', 'job.cancelled', 'job.retried', 'smoke.run', 'pilot.set', 'pilot.purged',
  'alert.silence', 'alert.silence_end', 'session.opened', 'session.closed', 'release.deploy', 'release.rollback'];

/* What this build does not know is shown as it is. */
const word = (kind, code) => (known(`${kind}.${code}`) ? t(`${kind}.${code}`) : code);
export const actionWord = (action) => word('audited', action);
export const memberWord = (name) => word('member', name);
