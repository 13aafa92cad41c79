// The element, and beside this file what TSX must know of it.
export * from "./lezai-checkout.js";
