/* The application's answers as objects, its problems as ApiError. */

/*
 * status: HTTP's, 0 where no answer came.  code: the problem's, or `network`, `unreadable_answer`.
 * detail: the problem's own English sentence; errorText() (errors.js) is what to show.
 * retryAfter: seconds, or null.
 */
export class ApiError extends Error {
  constructor({ status, code, detail, traceId = null, retryAfter = null }) {
    super(detail);
    Object.assign(this, { name: 'ApiError', status, code, detail, traceId, retryAfter });
  }
}

/* path with a query; null, undefined and '' are left out. */
export function urlWith(path, query) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== null && value !== undefined && value !== '') search.set(name, value);
  }
  return search.size === 0 ? path : `${path}?${search}`;
}

/* The JSON at path.  accept: statuses other than 2xx whose body is an answer too. */
export function get(path, query, { signal, accept = [] } = {}) {
  return call('GET', urlWith(path, query), { signal }, accept);
}

/* Whether what had that ETag at path is gone for good; nothing of it is fetched. */
export async function isGone(path, etag) {
  try {
    const headers = { 'If-None-Match': `"${etag}"` };
    return (await fetch(path, { credentials: 'same-origin', cache: 'no-store', headers })).status === 410;
  } catch {
    return false; // whoever shows it finds out
  }
}

/*
 * POST, PUT, PATCH or DELETE of a JSON body (undefined: none); resolves to the answer's JSON, null
 * where it has no body.  ifMatch: the revision that the change is meant for (a number or text,
 * without quotes).
 */
export function send(method, path, body, { ifMatch, query, signal } = {}) {
  const headers = {};
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (ifMatch !== undefined && ifMatch !== null) headers['If-Match'] = `"${ifMatch}"`;
  return call(method, urlWith(path, query),
    { headers, signal, body: body === undefined ? undefined : JSON.stringify(body) }, []);
}

/* POSTs a file as the multipart field `file`; onProgress(share of the bytes sent, 0..1). */
export function upload(path, file, { onProgress, query, signal } = {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const form = new FormData();
    form.append('file', file);
    request.open('POST', urlWith(path, query));
    request.setRequestHeader('Accept', 'application/json');
    request.upload.addEventListener('progress', (event) => {
      if (event.lengthComputable) onProgress?.(event.loaded / event.total);
    });
    request.addEventListener('load', () => {
      const headers = { get: (name) => request.getResponseHeader(name) };
      try {
        resolve(read(request.status, headers, request.responseText, []));
      } catch (error) {
        reject(error);
      }
    });
    request.addEventListener('error', () => reject(networkError()));
    request.addEventListener('abort', () => reject(new DOMException('left', 'AbortError')));
    signal?.addEventListener('abort', () => request.abort());
    request.send(form);
  });
}

async function call(method, url, options, accept) {
  let response;
  let text;
  try {
    response = await fetch(url, {
      ...options, method, credentials: 'same-origin', cache: 'no-store',
      headers: { Accept: 'application/json', ...options.headers },
    });
    text = await response.text();
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw networkError();
  }
  return read(response.status, response.headers, text, accept);
}

function read(status, headers, text, accept) {
  let json = null;
  try {
    if (text !== '') json = JSON.parse(exactMoney(text));
  } catch {
    throw new ApiError({ status, code: 'unreadable_answer', detail: 'The answer is no JSON.', traceId: headers.get('X-Trace-Id') });
  }
  if ((status >= 200 && status < 300) || accept.includes(status)) return json;
  if (status === 401) window.dispatchEvent(new Event('mizan:session-ended'));
  throw new ApiError({
    status,
    code: json?.code ?? 'unknown',
    detail: json?.detail ?? '',
    traceId: json?.trace_id ?? headers.get('X-Trace-Id'),
    retryAfter: headers.get('Retry-After') === null ? null : Number(headers.get('Retry-After')),
  });
}

/*
 * The amounts of an audit as texts, digit by digit, before a parser makes binary fractions of them.
 * Within a JSON string the quote before the colon would have a backslash.
 */
function exactMoney(text) {
  return text.replace(/"(stated|computed|delta|ratio)"\s*:\s*(-?\d+(?:\.\d+)?)(?=\s*[,}])/g, '"$1":"$2"');
}

function networkError() {
  return new ApiError({ status: 0, code: 'network', detail: 'No answer came.' });
}
