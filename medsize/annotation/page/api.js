// Requests to the server this page came from. Paths are relative: the token stays in the address.

export class Refused extends Error {}

async function answered(request) {
  let response;
  try {
    response = await request;
  } catch {
    throw new Refused("The server does not answer. Is ‘medsize annotate’ still running?");
  }
  if (response.ok) return response;
  const text = await response.text();
  let said = text;
  try {
    const body = JSON.parse(text);
    said = body.error ?? JSON.stringify(body.detail);
  } catch { /* plain text says it already */ }
  throw new Refused(said || `The server answered ${response.status}.`);
}

export async function get(path, query = {}) {
  return (await answered(fetch(`api/${path}?${new URLSearchParams(query)}`))).json();
}

export async function getGreys(path) {
  return new Uint16Array(await (await answered(fetch(`api/${path}`))).arrayBuffer());
}

export async function post(path, body) {
  const headers = { "Content-Type": "application/json" };
  return (await answered(fetch(`api/${path}`, { method: "POST", headers, body: JSON.stringify(body) }))).json();
}

// crypto.randomUUID is missing where the page is not on this machine's own address
export function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
