// Who is visiting, and what they have said: the one state that the views share.

import { api, bus } from "./api.js";

const REMEMBERED = "medley-visitor";
const PAGE = 100;

export const visitor = {
  id: null,
  name: "",
  taste: [], // categories that stand out
  ratings: new Map(), // item id -> stars
  likes: new Map(), // item id -> id of the event, to take it back
};

export function remembered() {
  try {
    return JSON.parse(localStorage.getItem(REMEMBERED));
  } catch {
    return null;
  }
}

/** Become somebody: their ratings are read, and every view is told. */
export async function become(id, name, taste = []) {
  Object.assign(visitor, { id, name, taste, ratings: new Map(), likes: new Map() });
  localStorage.setItem(REMEMBERED, JSON.stringify({ id, name, taste }));
  const page = await api.ratings(id, { limit: PAGE });
  for (const { item_id, value } of page.ratings) visitor.ratings.set(item_id, value);
  bus.dispatchEvent(new Event("visitor"));
}

export function newVisitor() {
  return `guest-${crypto.getRandomValues(new Uint32Array(1))[0].toString(36)}`;
}

/** How one addresses them: users of the data have numbers only. */
export const nameOf = (id) => (id.startsWith("guest-") ? "You" : `Visitor ${id}`);

/** A word for a taste, from the categories that stand out. */
export function phrase(categories) {
  const names = categories.slice(0, 2).map((each) => (typeof each === "string" ? each : each.category));
  return names.length ? names.join(" and ") : "a bit of everything";
}
