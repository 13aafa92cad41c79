/** `<lezai-checkout>` for this platform. */
import type { AppEvents } from "../platform/alipay.ts";
import { platform } from "./alipay.ts";
import type { Mounted } from "./host.ts";
import { mount } from "./lezai.ts";

interface Properties {
  gateway: string;
  session: string;
  clientSecret: string;
  onReady?(detail: object): void;
  onMethod?(detail: object): void;
  onPaid?(detail: object): void;
  onDeclined?(detail: object): void;
  onError?(detail: object): void;
}

interface Instance {
  props: Properties;
  mounted: Mounted | undefined;
  shown: (() => void) | undefined;
  hidden: (() => void) | undefined;
  setData(data: object): void;
}

declare function Component(options: object): void;
declare const my: AppEvents;

Component({
  props: { gateway: "", session: "", clientSecret: "" },
  data: { v: {} },
  didMount(this: Instance) {
    this.shown = () => this.mounted?.show();
    this.hidden = () => this.mounted?.hide();
    my.onAppShow(this.shown);
    my.onAppHide(this.hidden);
    begin(this);
  },
  didUpdate(this: Instance, before: Properties) {
    const { gateway, session, clientSecret } = this.props;
    if (before.gateway !== gateway || before.session !== session || before.clientSecret !== clientSecret) {
      begin(this);
    }
  },
  didUnmount(this: Instance) {
    if (this.shown) my.offAppShow(this.shown);
    if (this.hidden) my.offAppHide(this.hidden);
    this.mounted?.end();
  },
  methods: {
    press(this: Instance, event: { currentTarget: { dataset: { press: string } } }) {
      this.mounted?.press(event.currentTarget.dataset.press);
    },
  },
});

function begin(component: Instance): void {
  const { gateway, session, clientSecret } = component.props;
  component.mounted?.end();
  component.mounted = undefined;
  if (!gateway || !session || !clientSecret) return;
  const properties = { gateway, session, client_secret: clientSecret };
  component.mounted = mount(
    platform(),
    properties,
    (data) => component.setData(data),
    (type, detail) => {
      const name = `on${type[0]?.toUpperCase()}${type.slice(1)}` as "onReady";
      component.props[name]?.(detail);
    },
  );
}
