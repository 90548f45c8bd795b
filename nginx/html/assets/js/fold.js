/* Filters that fold away on a phone, unless they are set: what was searched for is to be seen. */
import { h } from './dom.js';
import { t } from './i18n.js';

export function folded(form, isSet) {
  return h('details', { class: 'mz-fold', open: isSet || matchMedia('(min-width: 40rem)').matches },
    h('summary', null, t('ui.filters')), form);
}
