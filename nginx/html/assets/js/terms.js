/*
 * The words of the domain as an operator reads them: a symbol and a word for each state, in both
 * languages, and what the API's codes mean.
 */
import {h} from './dom.js';
import { t, addStrings } from './i18n.js';
import { badge } from './ui.js';

addStrings({
  en: {
    'severity.S1': 'S1 severe', 'severity.S2': 'S2 moderate', 'severity.S3': 'S3 minor',
    'status.OPEN': 'Open', 'status.ACK': 'Acknowledged', 'status.RESOLVED': 'Resolved',
    'category.TOTALS': 'Totals', 'category.TAX': 'Tax', 'category.DUPLICATE': 'Duplicate',
    'category.COMPLETENESS': 'Completeness', 'category.EXTRACTION': 'Reading',
    'flag.EXTRACTION_FAILED': 'Could not be read',
    'flag.TOTAL_MISSING': 'Total missing',
    'flag.INVOICE_TOTAL_MISMATCH': 'Total does not add up',
    'flag.DUPLICATE_INVOICE': 'Duplicate invoice',
    'flag.MISSING_FIELDS': 'Required fields missing',
    'flag.TAX_MISMATCH': 'Tax does not match its base',
    'flag.LINE_MISMATCH': 'Line does not match quantity × price',
    'flag.LOW_CONFIDENCE': 'Read with low confidence',
    'flag.VALIDATION_WARNINGS': 'Implausible values',
    'job.QUEUED': 'Queued', 'job.RUNNING': 'Running', 'job.SUCCEEDED': 'Succeeded',
    'job.FAILED': 'Failed', 'job.SKIPPED': 'Skipped', 'job.CANCELLED': 'Cancelled',
    'job.stuck': 'Stuck', 'job.smoke': 'Smoke run',
    'outcome.exact': 'Adds up exactly', 'outcome.rounding': 'Rounding difference, accepted',
    'outcome.minor': 'Minor difference', 'outcome.mismatch': 'Does not add up',
    'outcome.failed': 'Could not be checked',
    'action.VERIFY_OCR': 'Check how it was read (OCR)',
    'action.VERIFY_INVOICE_LOGIC': 'Check the invoice’s own arithmetic',
    'action.ACCEPT_ROUNDING_TOLERANCE': 'Accept as rounding',
    'taken.VERIFIED_OCR': 'Checked the reading (OCR)',
    'taken.VERIFIED_LOGIC': 'Checked the invoice’s arithmetic',
    'taken.ACCEPTED_ROUNDING': 'Accepted as rounding',
    'taken.ESCALATED': 'Escalated',
    'taken.NO_ACTION_REQUIRED': 'No action required',
    'grade.OK': 'OK', 'grade.CHECK': 'Check', 'grade.BAD': 'Bad',
    'skipped.incident_budget': 'No incident was opened: this hour’s incident limit of the pilot is used up.',
    'skipped.pilot_disabled': 'No incident was opened: the pilot is switched off.',
     },
  tr: {
    'severity.S1': 'S1 ağır', 'severity.S2': 'S2 orta', 'severity.S3': 'S3 hafif',
    'status.OPEN': 'Açık', 'status.ACK': 'İnceleniyor', 'status.RESOLVED': 'Çözüldü',
    'category.TOTALS': 'Tutarlar', 'category.TAX': 'Vergi', 'category.DUPLICATE': 'Mükerrer',
    'category.COMPLETENESS': 'Eksik bilgi', 'category.EXTRACTION': 'Okuma',
    'flag.EXTRACTION_FAILED': 'Okunamadı',
    'flag.TOTAL_MISSING': 'Toplam tutar eksik',
    'flag.INVOICE_TOTAL_MISMATCH': 'Toplam tutmuyor',
    'flag.DUPLICATE_INVOICE': 'Mükerrer fatura',
    'flag.MISSING_FIELDS': 'Zorunlu alanlar eksik',
    'flag.TAX_MISMATCH': 'Vergi, matrahıyla tutmuyor',
    'flag.LINE_MISMATCH': 'Satır, miktar × fiyat ile tutmuyor',
    'flag.LOW_CONFIDENCE': 'Düşük güvenle okundu',
    'flag.VALIDATION_WARNINGS': 'Tutarsız değerler',
    'job.QUEUED': 'Kuyrukta', 'job.RUNNING': 'İşleniyor', 'job.SUCCEEDED': 'Tamamlandı',
    'job.FAILED': 'Başarısız', 'job.SKIPPED': 'Atlandı', 'job.CANCELLED': 'İptal edildi',
    'job.stuck': 'Takıldı', 'job.smoke': 'Smoke testi',
    'outcome.exact': 'Tam tutuyor', 'outcome.rounding': 'Yuvarlama farkı, kabul edildi',
    'outcome.minor': 'Küçük fark', 'outcome.mismatch': 'Tutmuyor',
    'outcome.failed': 'Denetlenemedi',
    'action.VERIFY_OCR': 'Okumayı (OCR) kontrol edin',
    'action.VERIFY_INVOICE_LOGIC': 'Faturanın kendi hesabını kontrol edin',
    'action.ACCEPT_ROUNDING_TOLERANCE': 'Yuvarlama farkı olarak kabul edin',
    'taken.VERIFIED_OCR': 'Okuma (OCR) kontrol edildi',
    'taken.VERIFIED_LOGIC': 'Fatura hesabı kontrol edildi',
    'taken.ACCEPTED_ROUNDING': 'Yuvarlama farkı kabul edildi',
    'taken.ESCALATED': 'Üst birime iletildi',
    'taken.NO_ACTION_REQUIRED': 'İşlem gerekmedi',
    'grade.OK': 'İyi', 'grade.CHECK': 'Kontrol gerekli', 'grade.BAD': 'Kötü',
    'skipped.incident_budget': 'Olay açılmadı: pilotun bu saatlik olay limiti doldu.',
    'skipped.pilot_disabled': 'Olay açılmadı: pilot kapalı.',
     },
});

export const SEVERITIES = ['S1', 'S2'];
export const STATUSES = ['OPEN', 'ACK', 'RESOLVED'];
export const CATEGORIES = ['TOTALS', 'TAX', 'DUPLICATE', 'COMPLETENESS', 'EXTRACTION'];
/* Those that open incidents; the others only come beside them. */
export const INCIDENT_FLAGS = ['EXTRACTION_FAILED', 'TOTAL_MISSING', 'INVOICE_TOTAL_MISMATCH', 'DUPLICATE_INVOICE',
  'MISSING_FIELDS', 'TAX_MISMATCH'];
const FLAGS = [...INCIDENT_FLAGS, 'LINE_MISMATCH', 'LOW_CONFIDENCE', 'VALIDATION_WARNINGS'];
export const JOB_STATES = ['QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'SKIPPED', 'CANCELLED'];
export const ACTIONS_TAKEN = ['VERIFIED_OCR', 'VERIFIED_LOGIC', 'ACCEPTED_ROUNDING', 'ESCALATED',
  'NO_ACTION_REQUIRED'];

/* What the hint asks for is what was probably done. */
export const actionTakenFor = {
  VERIFY_OCR: 'VERIFIED_OCR',
  VERIFY_INVOICE_LOGIC: 'VERIFIED_LOGIC',
  ACCEPT_ROUNDING_TOLERANCE: 'ACCEPTED_ROUNDING',
};

const looks = {
  severity: {S1: ['alarm', '▲'], S2: ['warn', '◆'], S3: ['info', '●']},
  status: {OPEN: ['alarm', '○'], ACK: ['info', '◐'], RESOLVED: ['ok', '✓']},
  job: {QUEUED: ['muted', '◷'], RUNNING: ['info', '▶'], SUCCEEDED: ['ok', '✓'],
    FAILED: ['alarm', '✗'], SKIPPED: ['warn', '↷'], CANCELLED: ['muted', '⊘']},
  outcome: {exact: ['ok', '✓'], rounding: ['ok', '≈'], minor: ['info', '≈'],
    mismatch: ['alarm', '≠'], failed: ['warn', '?']},
  grade: {OK: ['ok', '✓'], CHECK: ['warn', '!'], BAD: ['alarm', '✗']},
};

/* A code that this build does not know is shown as it is. */
function stateBadge(kind, code) {
  if (code === null || code === undefined)
    return null;
  const look = looks[kind][code];
  return look === undefined ? badge('muted', code, '?') : badge(look[0], t(`${kind}.${code}`), look[1]);
}

export const severityBadge = code => stateBadge('severity', code);
export const statusBadge = code => stateBadge('status', code);
export const outcomeBadge = code => stateBadge('outcome', code);
export const gradeBadge = code => stateBadge('grade', code);
export const jobBadge = job => [stateBadge('job', job.status),
  job.stuck ? [' ', badge('alarm', t('job.stuck'), '⚠')] : null,
  job.smoke ? [' ', badge('muted', t('job.smoke'), '⚗')] : null];

const word = (kind, known, code) => known.includes(code) ? t(`${kind}.${code}`) : code;
export const categoryWord = code => word('category', CATEGORIES, code);
export const flagWord = code => word('flag', FLAGS, code);
export const actionWord = code => word('action', Object.keys(actionTakenFor), code);
export const skippedSentence = code => word('skipped', ['incident_budget', 'pilot_disabled'], code);
export const takenWord = code => word('taken', ACTIONS_TAKEN, code);

/*
 * Text of strangers: isolated in its own direction, broken where it must be, and folded when it is
 * long (fold: from how many characters on; plain: what is folded away stays away, as in a link).
 */
export function stranger(text, { missing = '–', fold = 240, plain = false } = {}) {
  if (text === null || text === undefined || text === '') return h('span', { class: 'mz-note' }, missing);
  const points = Array.from(text);
  if (points.length <= fold) return h('bdi', { class: 'mz-stranger' }, text);
  const start = h('bdi', { class: 'mz-stranger' }, `${points.slice(0, fold).join('')}…`);
  return plain ? start : h('details', { class: 'mz-stranger' }, h('summary', null, start),
    h('bdi', { class: 'mz-stranger' }, `…${points.slice(fold).join('')}`));
}
