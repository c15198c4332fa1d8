/** The access token of the server, if it requires one: from the page's address (`#token=...`) or typed in the lobby. */

const KEY = "avatar.token";

/**
 * Read a token from an address's fragment.
 *
 * @param {string} hash
 * @returns {string | null}
 */
export function parseToken(hash) {
  return new URLSearchParams(hash.replace(/^#/, "")).get("token") || null;
}

/** @returns {string} "" when none is known; kept until the tab is closed */
export function getToken() {
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

/** @param {string} token */
export function setToken(token) {
  try {
    sessionStorage.setItem(KEY, token.trim());
  } catch {
    // Storage is off: the token is asked for again.
  }
}

/** Store the token of the page's address, and remove it there, so that it is not passed on with a copied link. */
export function takeTokenFromAddress() {
  const token = parseToken(location.hash);
  if (!token) return;
  setToken(token);
  history.replaceState(null, "", location.pathname + location.search);
}

/** @returns {Record<string, string>} the header that a server with an access token requires */
export function authorization() {
  const token = getToken();
  return token ? { Authorization: `Bearer ${token}` } : {};
}
