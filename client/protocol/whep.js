/** Watching a call by its link, as WHEP (draft-ietf-wish-whep) has it. */

import { authorization } from "./access-token.js";
import { request } from "./http-api.js";

/**
 * The STUN and TURN servers that a watch link names.
 *
 * @param {string} address of the link's WHEP endpoint
 * @returns {Promise<RTCIceServer[]>}
 */
export async function getIceServers(address) {
  return parseIceServers((await request(address, { headers: authorization() })).headers.get("Link") ?? "");
}

/**
 * @param {string} links value of a Link header, as RFC 9725, 4.6 has it
 * @returns {RTCIceServer[]}
 */
export function parseIceServers(links) {
  /** @type {RTCIceServer[]} */
  const servers = [];
  for (const [, urls = "", rest = ""] of links.matchAll(/<([^>]*)>((?:\s*;\s*[\w-]+="(?:[^"\\]|\\.)*")*)/g)) {
    /** @type {Record<string, string>} */
    const said = {};
    for (const [, name = "", value = ""] of rest.matchAll(/([\w-]+)="((?:[^"\\]|\\.)*)"/g))
      said[name] = value.replace(/\\(.)/g, "$1");
    if (said.rel !== "ice-server") continue;
    const { username, credential } = said;
    servers.push(username === undefined || credential === undefined ? { urls } : { urls, username, credential });
  }
  return servers;
}
