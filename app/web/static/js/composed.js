// Answers put together of several calls.

import { at, call } from "./api.js";

const get = (path, query, options) => call("GET", path, { query, ...options });

export async function home(user, query, options) {
  const { limit, ...rest } = query;
  const mine = await get(at("users", user, "recommendations"), query, options);
  const shown = new Set(mine.items.map((each) => each.item_id));
  const fresh = (found) => found.items.filter(({ item_id }) => !shown.has(item_id) && shown.add(item_id)).slice(0, limit);
  const rows = [{ kind: "for_you", title: "For you", items: mine.items, recommendation_id: mine.recommendation_id }];
  const liked = mine.items.flatMap((each) => each.reasons ?? []).find((reason) => reason.item_id);
  const { explain, ...filters } = rest;
  if (liked) {
    const found = await get(at("items", liked.item_id, "similar"), { ...filters, limit: limit * 2 }, options);
    rows.push({ kind: "because_you_liked", item_id: liked.item_id, title: `Because you liked ${liked.title}`, items: fresh(found), recommendation_id: found.recommendation_id });
  }
  const popular = await get(at("popular"), { ...filters, limit: limit * 2 }, options);
  rows.push({ kind: "popular", title: "Popular", items: fresh(popular), recommendation_id: popular.recommendation_id });
  return { rows, history_size: mine.history_size, fallback: mine.fallback };
}

export async function categories() {
  const counts = new Map();
  const { items } = await get(at("popular"), { limit: 100 });
  for (const { item } of items) for (const each of item.categories) counts.set(each, (counts.get(each) ?? 0) + 1);
  return { categories: [...counts].sort((one, other) => other[1] - one[1]).map(([category, count]) => ({ category, count })) };
}
