/**
 * The view as data, and the code that updates the document to match it. Elements that stay keep their focus,
 * their selection and their place in the accessibility tree. Nothing is ever parsed as HTML.
 */
import type { Intent } from "../../core/src/machine.ts";

export interface Element_ {
  tag: string;
  attributes: Attributes;
  children: Child[];
}

export type Child = Element_ | string;

/** `key` tells elements of one tag apart; `vars` are CSS custom properties; `press` is what a click means. */
export interface Attributes {
  key?: string;
  press?: Intent | { is: "copy"; text: string } | { is: "cashier" };
  vars?: Record<string, string>;
  checked?: boolean;
  [name: string]: unknown;
}

export type Press = NonNullable<Attributes["press"]>;

const SVG = "http://www.w3.org/2000/svg";
const SVG_TAGS = new Set(["svg", "path"]);
const SPECIAL = new Set(["key", "press", "vars", "checked"]);

const presses = new WeakMap<EventTarget, Press>();
const keys = new WeakMap<Node, string>();

/** An element of the view; a child that is `false` or `undefined` is left out. */
export function h(tag: string, attributes: Attributes, ...children: (Child | false | undefined)[]): Element_ {
  return { tag, attributes, children: children.filter((child) => child !== false && child !== undefined) };
}

/** The intent of a click or a change on this event's path, if any. */
export function pressOf(event: Event): Press | undefined {
  for (const target of event.composedPath()) {
    const press = presses.get(target);
    if (press) return press;
  }
  return undefined;
}

/** Updates the children of `parent` to match the view. */
export function patch(parent: Element | ShadowRoot, view: Child[]): void {
  for (const [index, child] of view.entries()) {
    const present = parent.childNodes[index];
    if (typeof child === "string") {
      if (present?.nodeType !== Node.TEXT_NODE) {
        place(parent, present, document.createTextNode(child));
      } else if (present.textContent !== child) {
        present.textContent = child;
      }
      continue;
    }
    if (
      present instanceof Element &&
      present.localName === child.tag &&
      keys.get(present) === child.attributes.key
    ) {
      update(present, child);
      continue;
    }
    const element = SVG_TAGS.has(child.tag)
      ? document.createElementNS(SVG, child.tag)
      : document.createElement(child.tag);
    if (child.attributes.key) keys.set(element, child.attributes.key);
    update(element, child);
    place(parent, present, element);
  }
  while (parent.childNodes.length > view.length) parent.lastChild?.remove();
}

function place(parent: Element | ShadowRoot, present: ChildNode | undefined, node: Node): void {
  if (present) present.replaceWith(node);
  else parent.append(node);
}

function update(element: Element, { attributes, children }: Element_): void {
  for (const { name } of [...element.attributes]) {
    if (!isSet(attributes[name])) element.removeAttribute(name);
  }
  for (const [name, value] of Object.entries(attributes)) {
    if (SPECIAL.has(name) || !isSet(value)) continue;
    const text = value === true ? "" : String(value);
    if (element.getAttribute(name) !== text) element.setAttribute(name, text);
  }
  if (attributes.press) presses.set(element, attributes.press);
  else presses.delete(element);
  if (element instanceof HTMLInputElement) element.checked = attributes.checked === true;
  if (element instanceof HTMLElement) {
    for (const [name, value] of Object.entries(attributes.vars ?? {})) element.style.setProperty(name, value);
  }
  patch(element, children);
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== false;
}
