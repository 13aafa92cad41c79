/** `<lezai-checkout>` for this platform. */
import { define } from "./like_component.ts";
import { platform } from "./wechat.ts";

define(platform);
