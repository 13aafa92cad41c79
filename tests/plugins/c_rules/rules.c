/* A plugin in C: stops who tries one card after the other from one device.
 *
 * Settings are the number of orders from one device in an hour above which somebody looks, as text;
 * 10 if there are none. Three times as many are denied. */
#include <string.h>

#include "generated/risk_plugin.h"

#define DEFAULT_ORDERS 10u
#define MAX_ORDERS 1000000u

static risk_plugin_string_t text(const char *constant) {
  return (risk_plugin_string_t){.ptr = (uint8_t *)constant, .len = strlen(constant)};
}

/* False if the settings are no number of 1 to a million. */
static bool orders_taken(const risk_plugin_list_u8_t *settings, uint32_t *orders) {
  *orders = DEFAULT_ORDERS;
  if (settings->len == 0) return true;
  uint32_t number = 0;
  for (size_t i = 0; i < settings->len; i++) {
    uint8_t digit = settings->ptr[i] - '0';
    if (digit > 9 || number > MAX_ORDERS) return false;
    number = number * 10 + digit;
  }
  *orders = number;
  return number >= 1 && number <= MAX_ORDERS;
}

bool exports_lezai_plugin_risk_assess(exports_lezai_plugin_risk_order_record_t *order,
                                      risk_plugin_list_u8_t *settings,
                                      exports_lezai_plugin_risk_assessment_t *answer,
                                      risk_plugin_string_t *error) {
  uint32_t taken;
  if (!orders_taken(settings, &taken)) {
    *error = text("settings are no number of 1 to 1000000");
    return false;
  }
  uint32_t orders = order->velocity.device.is_some ? order->velocity.device.val.hour.count : 0;
  answer->score = 0;
  answer->verdict = EXPORTS_LEZAI_PLUGIN_TYPES_VERDICT_ACCEPT;
  answer->reasons.ptr = NULL;
  answer->reasons.len = 0;
  if (orders <= taken) return true;

  static exports_lezai_plugin_types_reason_t reason;
  reason.code = text("device_again");
  reason.message = text("One device orders again and again");
  answer->reasons.ptr = &reason;
  answer->reasons.len = 1;
  bool far_above = orders / 3 >= taken;
  answer->score = far_above ? 900 : 500;
  answer->verdict = far_above ? EXPORTS_LEZAI_PLUGIN_TYPES_VERDICT_DENY
                              : EXPORTS_LEZAI_PLUGIN_TYPES_VERDICT_REVIEW;
  return true;
}
