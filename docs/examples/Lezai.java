import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.Signature;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Signed calls and verified answers (docs/signing.md) with nothing but the JDK, 17 or newer:
 *
 * <pre>java docs/examples/Lezai.java http://127.0.0.1:8080 demo-1 .lezai/demo-merchant.pem .lezai/gateway-public.pem</pre>
 */
public final class Lezai {
  /** The algorithm ecdsa-p256-sha256: raw r and s, not DER. */
  private static final String ALGORITHM = "SHA256withECDSAinP1363Format";
  private static final Pattern INPUT = Pattern.compile("(\\w+)=((\\([^)]*\\)).*)");

  private final HttpClient http = HttpClient.newBuilder().followRedirects(HttpClient.Redirect.NEVER).build();
  private final SecureRandom random = new SecureRandom();
  private final URI gateway;
  private final String keyId;
  private final PrivateKey own;
  private final PublicKey trusted;

  public Lezai(URI gateway, String keyId, PrivateKey own, PublicKey trusted) {
    this.gateway = gateway;
    this.keyId = keyId;
    this.own = own;
    this.trusted = trusted;
  }

  public record Answer(int status, String body) {}

  /**
   * Calls the gateway. A body is JSON, or null; a POST needs an idempotency key. Send the same key and the
   * same body until there is an answer: it is one call then.
   *
   * @throws SecurityException if the answer is not the gateway's own word
   */
  public Answer call(String method, String path, String content, String idempotencyKey) throws Exception {
    URI target = gateway.resolve(path);
    Map<String, String> parts = new LinkedHashMap<>();
    parts.put("@method", method);
    parts.put("@authority", target.getRawAuthority());
    parts.put("@path", target.getRawPath());
    parts.put("@query", "?" + (target.getRawQuery() == null ? "" : target.getRawQuery()));
    if (idempotencyKey != null) parts.put("idempotency-key", '"' + idempotencyKey + '"');
    byte[] body = content == null ? new byte[0] : content.getBytes(StandardCharsets.UTF_8);
    if (body.length > 0) {
      parts.put("content-digest", digest(body));
      parts.put("content-type", "application/json");
    }

    List<String> covered = parts.keySet().stream().map(name -> '"' + name + '"').toList();
    String input = "(" + String.join(" ", covered) + ");created=" + Instant.now().getEpochSecond()
        + ";nonce=\"" + nonce() + "\";keyid=\"" + keyId + "\";alg=\"ecdsa-p256-sha256\";tag=\"lezai-merchant\"";
    String signature = "sig1=:" + sign(base(covered, quoted(parts), input)) + ":";

    HttpRequest.Builder request = HttpRequest.newBuilder(target).timeout(Duration.ofSeconds(10))
        .method(method, HttpRequest.BodyPublishers.ofByteArray(body))
        .header("Signature-Input", "sig1=" + input)
        .header("Signature", signature);
    parts.forEach((name, value) -> {
      if (!name.startsWith("@")) request.header(name, value);
    });
    HttpResponse<byte[]> response = http.send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
    verify(response, method, target, signature);
    return new Answer(response.statusCode(), new String(response.body(), StandardCharsets.UTF_8));
  }

  /** The gateway signed this answer, to this very request, just now; or it throws. */
  private void verify(HttpResponse<byte[]> response, String method, URI target, String asked) throws Exception {
    Matcher input = INPUT.matcher(field(response, "signature-input"));
    if (!input.matches()) throw new SecurityException("the answer is not signed");
    Matcher signature = Pattern.compile(input.group(1) + "=:([^:]+):").matcher(field(response, "signature"));
    if (!signature.matches()) throw new SecurityException("the answer is not signed");

    Map<String, String> expected = new LinkedHashMap<>();
    expected.put("\"@status\"", String.valueOf(response.statusCode()));
    expected.put("\"@method\";req", method);
    expected.put("\"@path\";req", target.getRawPath());
    expected.put("\"signature\";req", asked);
    expected.put("\"content-type\"", field(response, "content-type"));
    expected.put("\"content-digest\"", field(response, "content-digest"));
    String list = input.group(3);
    List<String> covered = List.of(list.substring(1, list.length() - 1).split(" "));
    if (!covered.containsAll(expected.keySet())) throw new SecurityException("the signature covers too little");

    Matcher created = Pattern.compile(";created=(\\d+)").matcher(input.group(2));
    long age = created.find() ? Instant.now().getEpochSecond() - Long.parseLong(created.group(1)) : Long.MAX_VALUE;
    if (Math.abs(age) > 300 || !input.group(2).contains(";tag=\"lezai-gateway\"")) {
      throw new SecurityException("an old signature, or one for another use");
    }
    Signature verifier = Signature.getInstance(ALGORITHM);
    verifier.initVerify(trusted);
    verifier.update(base(covered, expected, input.group(2)).getBytes(StandardCharsets.UTF_8));
    if (!verifier.verify(Base64.getDecoder().decode(signature.group(1)))) throw new SecurityException("forged");
    if (!digest(response.body()).equals(field(response, "content-digest"))) {
      throw new SecurityException("the body was changed");
    }
  }

  /** The signature base (RFC 9421, section 2.5). */
  private static String base(List<String> covered, Map<String, String> values, String input) {
    List<String> lines = new ArrayList<>();
    for (String component : covered) {
      String value = values.get(component);
      if (value == null) throw new SecurityException("the signature covers " + component + ", which is not known");
      lines.add(component + ": " + value);
    }
    lines.add("\"@signature-params\": " + input);
    return String.join("\n", lines);
  }

  private static Map<String, String> quoted(Map<String, String> parts) {
    Map<String, String> quoted = new LinkedHashMap<>();
    parts.forEach((name, value) -> quoted.put('"' + name + '"', value));
    return quoted;
  }

  private String sign(String text) throws Exception {
    Signature signer = Signature.getInstance(ALGORITHM);
    signer.initSign(own);
    signer.update(text.getBytes(StandardCharsets.UTF_8));
    return Base64.getEncoder().encodeToString(signer.sign());
  }

  private String nonce() {
    byte[] bytes = new byte[16];
    random.nextBytes(bytes);
    return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
  }

  private static String digest(byte[] body) throws Exception {
    byte[] hash = MessageDigest.getInstance("SHA-256").digest(body);
    return "sha-256=:" + Base64.getEncoder().encodeToString(hash) + ":";
  }

  private static String field(HttpResponse<?> response, String name) {
    return response.headers().firstValue(name).orElse("");
  }

  private static byte[] pem(String file) throws Exception {
    String text = Files.readString(Path.of(file)).replaceAll("-----[A-Z ]+-----|\\s", "");
    return Base64.getDecoder().decode(text);
  }

  public static void main(String[] args) throws Exception {
    KeyFactory keys = KeyFactory.getInstance("EC");
    PrivateKey own = keys.generatePrivate(new PKCS8EncodedKeySpec(pem(args[2])));
    PublicKey trusted = keys.generatePublic(new X509EncodedKeySpec(pem(args[3])));
    Lezai lezai = new Lezai(URI.create(args[0]), args[1], own, trusted);

    String number = "J-" + Long.toHexString(System.nanoTime());
    String order = "{\"merchant_order_id\":\"" + number
        + "\",\"amount\":12800,\"currency\":\"CNY\",\"description\":\"Jasmine tea\"}";
    Answer created = lezai.call("POST", "/v1/orders", order, "create-" + number);
    System.out.println(created.status() + " " + created.body());
    Answer found = lezai.call("GET", "/v1/orders?merchant_order_id=" + number, null, null);
    System.out.println(found.status() + " " + found.body());
  }
}
