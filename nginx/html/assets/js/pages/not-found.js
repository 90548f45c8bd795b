/* An address under /admin that is no page. */
import { h, replace } from '../dom.js';
import { t } from '../i18n.js';
import { link, pageHeader } from '../ui.js';

export default {
  title: 'page.not-found',
  strings: { en: {}, tr: {} },
  async render(root) {
    replace(root, pageHeader(t('page.not-found')), h('p', null, t('not_found.text')),
      link('/admin/system-health', t('not_found.home')));
  },
};
