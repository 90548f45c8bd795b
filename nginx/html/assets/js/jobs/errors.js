/* Why a job failed, was left, or is tried again, in words. */
import { addStrings, known, t } from '../i18n.js';
import { stranger } from '../terms.js';

addStrings({
  en: {
    'jobError.refusal': 'The model declined to read the document.',
    'jobError.content_filter': 'The provider’s content filter stopped the reading.',
    'jobError.length': 'The document is too long to be read in one answer.',
    'jobError.invalid_reply': 'The model’s answer could not be understood.',
    'jobError.reply_too_large': 'The model’s answer was too large.',
    'jobError.provider_rejected_document': 'The provider rejected the document.',
    'jobError.rate_limited': 'The provider limits our calls; it is tried again.',
    'jobError.quota_exhausted': 'The provider’s quota is used up; it is tried again.',
    'jobError.unauthorized': 'The provider refuses our key; it is tried again.',
    'jobError.provider_timeout': 'The provider took too long.',
    'jobError.provider_connection': 'The provider could not be reached.',
    'jobError.provider_connection_cut': 'The connection to the provider broke off.',
    'jobError.provider_http_409': 'The provider spoke of a conflict.',
    'jobError.provider_http_5xx': 'The provider had an error of its own.',
    'jobError.provider_http_unexpected': 'The provider’s answer has a status that it should not have; perhaps something else answers at OPENAI_BASE_URL.',
    'jobError.provider_not_api': 'What answered is not the provider; perhaps a proxy at OPENAI_BASE_URL.',
    'jobError.client_failed': 'The provider could not be called for want of memory.',
    'jobError.internal_error': 'The result could not be stored.',
    'jobError.worker_lost': 'Workers died over it, again and again.',
    'jobError.cancelled': 'An operator cancelled it.',
    'jobError.pilot_disabled': 'The pilot was off when its turn came.',
  },
  tr: {
    'jobError.refusal': 'Model belgeyi okumayı reddetti.',
    'jobError.content_filter': 'Sağlayıcının içerik filtresi okumayı durdurdu.',
    'jobError.length': 'Belge tek yanıtta okunamayacak kadar uzun.',
    'jobError.invalid_reply': 'Modelin yanıtı anlaşılamadı.',
    'jobError.reply_too_large': 'Modelin yanıtı çok büyüktü.',
    'jobError.provider_rejected_document': 'Sağlayıcı belgeyi kabul etmedi.',
    'jobError.rate_limited': 'Sağlayıcı çağrılarımızı sınırlıyor; yeniden denenecek.',
    'jobError.quota_exhausted': 'Sağlayıcı kotası doldu; yeniden denenecek.',
    'jobError.unauthorized': 'Sağlayıcı anahtarımızı reddediyor; yeniden denenecek.',
    'jobError.provider_timeout': 'Sağlayıcının yanıtı çok uzun sürdü.',
    'jobError.provider_connection': 'Sağlayıcıya ulaşılamadı.',
    'jobError.provider_connection_cut': 'Sağlayıcıyla bağlantı koptu.',
    'jobError.provider_http_409': 'Sağlayıcı bir çakışma bildirdi.',
    'jobError.provider_http_5xx': 'Sağlayıcının kendisinde bir hata oluştu.',
    'jobError.provider_http_unexpected': 'Sağlayıcının yanıtı beklenmeyen bir durum kodu taşıyor; OPENAI_BASE_URL adresinde başka bir şey yanıt veriyor olabilir.',
    'jobError.provider_not_api': 'Yanıt veren, sağlayıcı değil; OPENAI_BASE_URL adresinde bir vekil sunucu olabilir.',
    'jobError.client_failed': 'Bellek yetmediği için sağlayıcı çağrılamadı.',
    'jobError.internal_error': 'Sonuç kaydedilemedi.',
    'jobError.worker_lost': 'Worker’lar bu iş sırasında defalarca durdu.',
    'jobError.cancelled': 'Bir operatör iptal etti.',
    'jobError.pilot_disabled': 'Sırası geldiğinde pilot kapalıydı.',
  },
});

/* A code that has no words stands for itself. */
export const jobError = (code) => (known(`jobError.${code}`) ? t(`jobError.${code}`) : stranger(code));
