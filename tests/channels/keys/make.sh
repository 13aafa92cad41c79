#!/usr/bin/env bash
# Makes the keys and certificates of the simulators anew, in this folder. They protect nothing: they are in
# the repository so that a test is the same everywhere, and no provider knows them.
#
# The names of Alipay's certificates are MD5 over the issuer, the last part first, and the serial number as
# a decimal.
set -euo pipefail
cd "$(dirname "$0")"
readonly days=10950

key() { openssl genrsa -out "$1.pem" 2048 2>/dev/null; }

# ca NAME SUBJECT
ca() { key "$1"; openssl req -new -x509 -sha256 -key "$1.pem" -days "$days" -subj "$2" -out "$1.crt"; }

# certificate NAME CA SUBJECT SERIAL
certificate() {
  key "$1"
  openssl req -new -sha256 -utf8 -key "$1.pem" -subj "$3" -out "$1.csr"
  openssl x509 -req -sha256 -in "$1.csr" -CA "$2.crt" -CAkey "$2.pem" -set_serial "$4" -days "$days" -out "$1.crt" 2>/dev/null
  rm "$1.csr"
}

# sn NAME: Alipay's name of a certificate.
sn() {
  local issuer serial
  issuer=$(openssl x509 -in "$1.crt" -noout -issuer -nameopt RFC2253,sep_comma_plus,utf8 | sed 's/^issuer=//')
  serial=$(python3 -c 'import sys; print(int(sys.argv[1], 16))' "$(openssl x509 -in "$1.crt" -noout -serial | sed 's/^serial=//')")
  printf '%s%s' "$issuer" "$serial" | md5sum | cut -d' ' -f1 | tr -d '\n' >"$1.sn"
}

# WeChat Pay: a merchant, a platform with two certificates (one comes, one goes) and a public key.
ca wechat_ca '/C=CN/O=Simulated Tenpay/OU=Simulator/CN=Simulated Tenpay Root CA'
certificate wechat_merchant wechat_ca '/C=CN/O=Simulated merchant/CN=1900000001' 0x5F1C72E2A8931B72A2E13AF8DEE92471EB397115
certificate wechat_platform wechat_ca '/C=CN/O=Simulated Tenpay/CN=Simulated Tenpay sign' 0x0D5E10EF55877E3CF6C33255C2E7DEFFF7E427EC
certificate wechat_platform_next wechat_ca '/C=CN/O=Simulated Tenpay/CN=Simulated Tenpay sign' 0xF5EA10EF55877E3CF6C33255C2E7DEFFF7E42701
key wechat_public
openssl rsa -in wechat_public.pem -pubout -out wechat_public.pub 2>/dev/null

# Alipay: an application, Alipay with two certificates, a root. Its issuers have exactly C, O, OU and CN.
ca alipay_root '/C=CN/O=Simulated Ant Financial/OU=Simulator/CN=Simulated Ant Financial Root CA'
certificate alipay_app alipay_root '/C=CN/O=Simulated merchant/OU=Alipay/CN=2014072300007148' 0x20261129000000000000000000000001
certificate alipay_platform alipay_root '/C=CN/O=Simulated Ant Financial/OU=Alipay/CN=Simulated Alipay sign' 0x20261129000000000000000000000002
certificate alipay_platform_next alipay_root '/C=CN/O=Simulated Ant Financial/OU=Alipay/CN=Simulated Alipay sign' 0x20261129000000000000000000000003
# One SDK reads no other form.
openssl rsa -in alipay_app.pem -traditional -out alipay_app_pkcs1.pem 2>/dev/null
openssl rsa -in alipay_app.pem -pubout -out alipay_app.pub 2>/dev/null
openssl rsa -in alipay_platform.pem -pubout -out alipay_platform.pub 2>/dev/null
for name in alipay_root alipay_app alipay_platform alipay_platform_next; do sn "$name"; done
# The authorities sign nothing any more.
rm -f wechat_ca.pem alipay_root.pem wechat_ca.crt

# UnionPay: a root, a middle authority that signs with SHA-1 as UnionPay's does, UnionPay with two certificates (one
# comes), a merchant, and a certificate with UnionPay's name that another authority made.
ca unionpay_root '/C=CN/O=Simulated Certification Authority/CN=Simulated UnionPay Root CA'
key unionpay_middle
openssl req -new -sha256 -key unionpay_middle.pem -subj '/C=CN/O=Simulated Certification Authority/CN=Simulated UnionPay OCA1' -out unionpay_middle.csr
openssl x509 -req -sha1 -in unionpay_middle.csr -CA unionpay_root.crt -CAkey unionpay_root.pem -set_serial 0x20261130000000000001 -days "$days" -out unionpay_middle.crt \
  -extfile <(printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign,cRLSign') 2>/dev/null
owned() { certificate "$1" "$2" "/C=cn/O=Simulated OCA1/OU=Enterprises/CN=$3" "$4"; }
owned unionpay_platform unionpay_middle '041@8310000000083040@中国银联股份有限公司@00016495' 0x1039308534
owned unionpay_platform_next unionpay_middle '041@8310000000083040@中国银联股份有限公司@00016496' 0x1039308535
owned unionpay_merchant unionpay_middle '041@Z2026-11-30@777290058110048:SIGN@00000001' 0x1046900149
ca unionpay_other '/C=CN/O=Simulated Certification Authority/CN=Simulated UnionPay OCA1'
owned unionpay_forged unionpay_other '041@8310000000083040@中国银联股份有限公司@00016495' 0x1039308534

# For the tests of lezai-channels: a middle certificate that ends after a day, and its renewal with the same key.
ca unionpay_renewed_root '/C=CN/O=Simulated Certification Authority/CN=Simulated UnionPay Root CA'
key unionpay_middle_renewed
openssl req -new -sha256 -key unionpay_middle_renewed.pem -subj '/C=CN/O=Simulated Certification Authority/CN=Simulated UnionPay OCA1' -out unionpay_middle_renewed.csr
# renewal NAME SERIAL DAYS
renewal() {
  openssl x509 -req -sha256 -in unionpay_middle_renewed.csr -CA unionpay_renewed_root.crt -CAkey unionpay_renewed_root.pem -set_serial "$2" -days "$3" -out "$1.crt" \
    -extfile <(printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign,cRLSign') 2>/dev/null
}
renewal unionpay_middle_ended 1 1
renewal unionpay_middle_renewed 2 "$days"
owned unionpay_of_renewed unionpay_middle_renewed '041@8310000000083040@中国银联股份有限公司@00016495' 0x1039308536
mv unionpay_renewed_root.crt unionpay_middle_ended.crt unionpay_middle_renewed.crt unionpay_of_renewed.crt ../../../host/channels/tests/keys/
cp unionpay_forged.crt ../../../host/channels/tests/keys/
rm -f unionpay_middle_renewed.csr unionpay_renewed_root.pem unionpay_middle_renewed.pem unionpay_of_renewed.pem

rm -f unionpay_middle.csr unionpay_root.pem unionpay_middle.pem unionpay_other.pem unionpay_other.crt
