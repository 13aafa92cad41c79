/** `<lezai-checkout>` as a component of WeChat's form, which Douyin shares. */
import type { Platform } from "../platform.ts";
import type { Mounted } from "./host.ts";
import { mount } from "./lezai.ts";

interface Instance {
  data: { gateway: string; session: string; clientSecret: string };
  mounted: Mounted | undefined;
  /** The properties that it was begun with. */
  begun: string | undefined;
  setData(data: object): void;
  triggerEvent(name: string, detail: object): void;
}

declare function Component(options: object): void;

export function define(platform: () => Platform): void {
  Component({
    properties: { gateway: String, session: String, clientSecret: String },
    data: { v: {} },
    observers: {
      "gateway, session, clientSecret"(this: Instance) {
        begin(this, platform());
      },
    },
    lifetimes: {
      detached(this: Instance) {
        this.mounted?.end();
      },
    },
    pageLifetimes: {
      show(this: Instance) {
        this.mounted?.show();
      },
      hide(this: Instance) {
        this.mounted?.hide();
      },
    },
    methods: {
      press(this: Instance, event: { currentTarget: { dataset: { press: string } } }) {
        this.mounted?.press(event.currentTarget.dataset.press);
      },
    },
  });
}

function begin(component: Instance, platform: Platform): void {
  const { gateway, session, clientSecret } = component.data;
  // Observers are called for unchanged properties, too; a second key would find the session taken.
  const begun = [gateway, session, clientSecret].join();
  if (component.begun === begun) return;
  component.begun = begun;
  component.mounted?.end();
  component.mounted = undefined;
  if (!gateway || !session || !clientSecret) return;
  const properties = { gateway, session, client_secret: clientSecret };
  component.mounted = mount(
    platform,
    properties,
    (data) => component.setData(data),
    (type, detail) => component.triggerEvent(type, detail),
  );
}
