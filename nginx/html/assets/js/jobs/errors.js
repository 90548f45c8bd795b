/* Why a job failed or was left, in words. */
import { addStrings, known, t } from '../i18n.js';

addStrings({
  en: {
    'jobError.refusal': 'The model declined to read the document.',
    'jobError.content_filter': 'The provider’s content filter stopped the reading.',
    'jobError.length': 'The document is too long to be read in one answer.',
    'jobError.cancelled': 'An operator cancelled it.',
    'jobError.pilot_disabled': 'The pilot was off when its turn came.',
    'jobError.other': 'The document could not be read.',
  },
  tr: {
    'jobError.refusal': 'Model belgeyi okumayı reddetti.',
    'jobError.content_filter': 'Sağlayıcının içerik filtresi okumayı durdurdu.',
    'jobError.length': 'Belge tek yanıtta okunamayacak kadar uzun.',
    'jobError.cancelled': 'Bir operatör iptal etti.',
    'jobError.pilot_disabled': 'Sırası geldiğinde pilot kapalıydı.',
    'jobError.other': 'Belge okunamadı.',
  },
});

export const jobError = (code) => t(known(`jobError.${code}`) ? `jobError.${code}` : 'jobError.other');
