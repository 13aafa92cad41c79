declare module "lezai:words" {
  /** One language: the web checkout's words that a mini-program needs. */
  type Words = Record<
    | "lang"
    | "dir"
    | "loading"
    | "order"
    | "choose"
    | "pay"
    | "try_again"
    | "asking"
    | "wallet_title"
    | "wallet_hint"
    | "wallet_open"
    | "time_left"
    | "time_up"
    | "paid_title"
    | "paid_hint"
    | "declined_title"
    | "not_charged"
    | "unavailable"
    | "expired_title"
    | "expired_hint"
    | "closed_title"
    | "closed_hint"
    | "offline_title"
    | "offline_hint"
    | "offline_short"
    | "try_now"
    | "refused_title"
    | "refused_hint"
    | "start_again"
    | "taken_title"
    | "taken_hint"
    | "replaced_title"
    | "replaced_hint"
    | "outdated_title"
    | "outdated_hint"
    | "failed_title"
    | "failed_hint"
    | "verified",
    string
  > & {
    declined: Record<string, string>;
    /** By the gateway's name of the method. */
    method: Record<string, string>;
  };
  /** Those that every app has: English and Chinese. */
  export const WORDS: Words[];
}
