/* What a problem means to the person in front of the page. */
import { known, t } from './i18n.js';

/* By its code where that has words, else by its status; the application's own detail where it says more. */
export function errorText(error) {
  if (known(`error.code.${error.code}`)) return t(`error.code.${error.code}`, { seconds: error.retryAfter ?? 1 });
  const byStatus = `error.status.${error.status}`;
  const text = known(byStatus) ? t(byStatus, { seconds: error.retryAfter ?? 1 }) : t('error.other');
  return explains(error) ? `${text} ${error.detail}` : text;
}

/* Details of 4xx name the very thing that was wrong; they are English. */
function explains(error) {
  return [400, 403, 409, 412, 413, 415].includes(error.status) && Boolean(error.detail);
}
