;; The contract's types, named as a component must name what its exports use. The attacks in
;; `module/` are put between these and the lifts of the hooks that they export.
(type $money' (record (field "minor" u64) (field "currency" string)))
(export $money "money" (type $money'))
(type $scene' (enum "ecommerce" "o2o" "counter" "mini-program" "cross-border"))
(export $scene "scene" (type $scene'))
(type $ip-class' (enum "public" "private" "loopback" "link-local" "special"))
(export $ip-class "ip-class" (type $ip-class'))
(type $customer' (record
  (field "reference" (option string)) (field "ip" (option string))
  (field "ip-class" (option $ip-class)) (field "country" (option string))))
(export $customer "customer" (type $customer'))
(type $device-kind' (enum "phone" "tablet" "desktop" "pos" "other"))
(export $device-kind "device-kind" (type $device-kind'))
(type $device' (record
  (field "id" (option string)) (field "kind" (option $device-kind))
  (field "os" (option string)) (field "user-agent" (option string))))
(export $device "device" (type $device'))
(type $profile' (record
  (field "country" (option string)) (field "category" (option u16)) (field "tier" (option u8))))
(export $profile "profile" (type $profile'))
(type $tally' (record (field "count" u32) (field "sum" u64)))
(export $tally "tally" (type $tally'))
(type $windows' (record
  (field "minute" $tally) (field "hour" $tally) (field "day" $tally)))
(export $windows "windows" (type $windows'))
(type $velocity' (record
  (field "merchant" $windows) (field "customer" (option $windows))
  (field "device" (option $windows)) (field "ip" (option $windows))))
(export $velocity "velocity" (type $velocity'))
(type $order-record' (record
  (field "id" string) (field "merchant" string) (field "merchant-order-id" string)
  (field "amount" $money) (field "scene" $scene) (field "methods" (list string))
  (field "method" (option string)) (field "customer" $customer) (field "device" $device)
  (field "metadata" (list (tuple string string))) (field "profile" $profile)
  (field "velocity" $velocity) (field "at-ms" s64)))
(export $order-record "order-record" (type $order-record'))
(type $verdict' (enum "accept" "review" "deny"))
(export $verdict "verdict" (type $verdict'))
(type $reason' (record (field "code" string) (field "message" string)))
(export $reason "reason" (type $reason'))
(type $assessment' (record
  (field "verdict" $verdict) (field "score" u16) (field "reasons" (list $reason))))
(export $assessment "assessment" (type $assessment'))
(type $share' (record (field "receiver" string) (field "minor" u64)))
(export $share "share" (type $share'))
(type $column' (record (field "name" string) (field "value" string)))
(export $column "column" (type $column'))
