// The few shapes that the covers are made of.

import { svg } from "./dom.js";

export const circle = (cx, cy, r, fill, more) => svg("circle", { cx, cy, r, fill, ...more });
export const ring = (cx, cy, r, stroke, width, more) => svg("circle", { cx, cy, r, fill: "none", stroke, "stroke-width": width, ...more });
export const rect = (x, y, width, height, fill, more) => svg("rect", { x, y, width, height, fill, ...more });
export const path = (d, fill, more) => svg("path", { d, fill, ...more });
export const line = (d, stroke, width, more) => svg("path", { d, fill: "none", stroke, "stroke-width": width, ...more });
export const times = (count, make) => Array.from({ length: count }, (_, number) => make(number));
export const between = (random, low, high) => low + random() * (high - low);
export const turned = (degrees, x, y) => ({ transform: `rotate(${degrees.toFixed(1)} ${x} ${y})` });

