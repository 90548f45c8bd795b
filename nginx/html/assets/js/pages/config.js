/* The settings in force, which of them are defaults, and how their hash is proved. */
import { get } from '../api.js';
import { h, replace } from '../dom.js';
import { t } from '../i18n.js';
import { badge, button, card, facts, pageHeader, table, toast } from '../ui.js';

export default {
  title: 'page.config',
  strings: {
    en: {
      'config.versions': 'What runs',
      'config.build': 'Build',
      'config.hash': 'Config hash',
      'config.proof': 'The hash covers exactly these values. The first 16 digits of this are the hash:',
      'config.copy': 'Copy the command',
      'config.copied': 'The command is in the clipboard.',
      'config.settings': 'Settings',
      'config.name': 'Name',
      'config.value': 'Value',
      'config.default': 'Default',
      'config.state': 'Set to',
      'config.is_default': 'default',
      'config.is_changed': 'changed',
      'config.note': 'Keys, passwords and addresses of the database are no part of this. A setting is changed in the environment, and holds after a restart.',
      'config.only_changed': 'Only what is changed ({n})',
      'config.none_changed': 'Every setting has its default.',
    },
    tr: {
      'config.versions': 'Çalışan sürüm',
      'config.build': 'Sürüm',
      'config.hash': 'Yapılandırma özeti (hash)',
      'config.proof': 'Hash tam olarak bu değerleri kapsar. Aşağıdaki komut çıktısının ilk 16 hanesi hash ile aynıdır:',
      'config.copy': 'Komutu kopyala',
      'config.copied': 'Komut panoya kopyalandı.',
      'config.settings': 'Ayarlar',
      'config.name': 'Ad',
      'config.value': 'Değer',
      'config.default': 'Varsayılan',
      'config.state': 'Durum',
      'config.is_default': 'varsayılan',
      'config.is_changed': 'değiştirilmiş',
      'config.note': 'Anahtarlar, parolalar ve veritabanı adresleri burada yer almaz. Bir ayar ortam değişkeniyle değiştirilir ve yeniden başlatınca geçerli olur.',
      'config.only_changed': 'Yalnızca değiştirilenler ({n})',
      'config.none_changed': 'Tüm ayarlar varsayılan değerinde.',
    },
  },
  render,
};

async function render(root, { signal }) {
  const { config_hash: hash, build_id: build, keys } = await get('/admin/config/keys', null, { signal });
  const command = `curl -s ${location.origin}/admin/config -H "X-Admin-Key: $ADMIN_API_KEY" | jq -cjS . | sha256sum`;
  replace(root, pageHeader(t('page.config')),
    card(t('config.versions'),
      facts([[t('config.build'), h('code', null, build)], [t('config.hash'), h('code', null, hash)]]),
      h('p', null, t('config.proof')),
      h('pre', { class: 'mz-command', tabindex: '0', 'aria-label': t('config.proof') }, command),
      button(t('config.copy'), async () => {
        await navigator.clipboard.writeText(command);
        toast(t('config.copied'));
      })),
    settingsCard(keys));
}

function settingsCard(keys) {
  const changed = keys.filter((key) => !key.is_default);
  const place = h('div');
  const box = h('input', { type: 'checkbox', class: 'form-check-input', id: 'only-changed', on: { change: () => draw(box.checked) } });
  const draw = (only) => replace(place, only && changed.length === 0 ? h('p', null, t('config.none_changed')) : settingsTable(only ? changed : keys));
  draw(false);
  return card(t('config.settings'),
    h('div', { class: 'form-check' }, box, h('label', { for: 'only-changed', class: 'form-check-label' }, t('config.only_changed', { n: changed.length }))),
    place, h('p', { class: 'mz-soft mt-3' }, t('config.note')));
}

/* It breaks between its words, if it has to. */
const settingName = (name) => h('code', { class: 'mz-whole-words' }, name.split('_').flatMap((word, i) => (i > 0 ? ['_', h('wbr'), word] : [word])));

function settingsTable(keys) {
  return table({
    caption: t('config.settings'), rows: keys, columns: [
      { title: t('config.name'), cell: (key) => settingName(key.name), header: true },
      { title: t('config.value'), cell: (key) => h('code', null, String(key.value)) },
      { title: t('config.default'), cell: (key) => h('code', { class: 'mz-soft' }, String(key.default ?? '')) },
      { title: t('config.state'), cell: (key) => (key.is_default ? badge('muted', t('config.is_default')) : badge('info', t('config.is_changed'), '≠')) },
    ] });
}
