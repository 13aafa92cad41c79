/** `<lezai-checkout>` for this platform. */

import { platform } from "./douyin.ts";
import { define } from "./like_component.ts";

define(platform);
