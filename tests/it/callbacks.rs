//! Callbacks of a real gateway, to receivers that answer as they please: told again and again for a
//! day, logged, asked for, told anew, and sent nowhere that the operator has not allowed.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lezai_tests::{Answer, Gateway, Merchant, Receiver, Request, TempDir, random_hex};
use serde_json::{Value, json};

const TIMEOUT: Duration = Duration::from_secs(20);

/// A receiver that answers as it is told, and counts.
struct Stubborn {
    url: String,
    answer: Arc<Mutex<String>>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Stubborn {
    fn start(answer: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/callbacks?token=t", listener.local_addr().unwrap());
        let it =
            Self { url, answer: Arc::new(Mutex::new(answer.to_owned())), heads: Arc::default() };
        let (answer, heads) = (Arc::clone(&it.answer), Arc::clone(&it.heads));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let mut bytes = Vec::new();
                let mut buffer = [0; 4096];
                // A callback ends with its body's last bracket.
                while !bytes.ends_with(b"}") {
                    match stream.read(&mut buffer) {
                        Ok(0) | Err(_) => break,
                        Ok(length) => bytes.extend_from_slice(&buffer[..length]),
                    }
                }
                heads.lock().unwrap().push(String::from_utf8_lossy(&bytes).into_owned());
                let answer = answer.lock().unwrap().clone();
                let _ = write!(stream, "HTTP/1.1 {answer}");
            }
        });
        it
    }

    fn answers(&self, answer: &str) {
        answer.clone_into(&mut self.answer.lock().unwrap());
    }

    fn seen(&self) -> usize {
        self.heads.lock().unwrap().len()
    }
}

fn answer(status: &str, fields: &str, body: &str) -> String {
    format!("{status}\r\nconnection: close\r\n{fields}content-length: {}\r\n\r\n{body}", body.len())
}

struct Scene {
    merchant: Merchant,
    gateway: Gateway,
    _folder: TempDir,
}

impl Scene {
    fn new() -> Self {
        let folder = TempDir::new();
        let gateway = Gateway::start(folder.path());
        Self { merchant: Merchant::demo(&gateway), gateway, _folder: folder }
    }

    fn create(&self, notify_url: &str) -> Answer {
        let mut order = Merchant::order(&random_hex());
        order["notify_url"] = json!(notify_url);
        self.merchant.create(&random_hex(), order.to_string()).unwrap()
    }

    /// A paid order whose callbacks go there; gives its id.
    fn paid(&self, notify_url: &str) -> String {
        let created = self.create(notify_url);
        assert_eq!(created.status, 201, "{}", created.json());
        let id = created.json()["id"].as_str().unwrap().to_owned();
        let paid = Request::new("POST", &format!("/sandbox/orders/{id}/pay"), "");
        assert_eq!(paid.send(&self.gateway.authority).unwrap().status, 200);
        id
    }

    fn events(&self, query: &str) -> Vec<Value> {
        let page = self.merchant.get(&format!("/v1/events?{query}"));
        assert_eq!(page.status, 200, "{}", page.json());
        page.json()["data"].as_array().unwrap().clone()
    }

    fn event(&self, id: &str) -> Value {
        self.merchant.get(&format!("/v1/events/{id}")).json()
    }

    fn post(&self, target: &str, body: &Value) -> Answer {
        self.merchant.send(&self.merchant.post(target, &random_hex(), body.to_string())).unwrap()
    }

    fn operator(&self, method: &str, target: &str, body: &str) -> Answer {
        let token = std::fs::read_to_string(self.gateway.data.join("admin-token")).unwrap();
        let request = Request::new(method, target, body)
            .with("content-type", "application/json")
            .with("authorization", &format!("Bearer {}", token.trim()));
        request.send(&self.gateway.authority).unwrap()
    }

    fn advance(&self, secs: i64) {
        let body = json!({ "advance_secs": secs }).to_string();
        let request =
            Request::new("POST", "/sandbox/clock", body).with("content-type", "application/json");
        let answer = request.send(&self.gateway.authority).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.json());
    }

    /// Waits until the event is as `enough` says.
    fn wait(&self, id: &str, enough: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            let event = self.event(id);
            if enough(&event) {
                return event;
            }
            assert!(start.elapsed() < TIMEOUT, "{event:#}\n{}", self.gateway.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn tries(event: &Value) -> usize {
    event["delivery"]["tries"].as_array().unwrap().len()
}

fn id(event: &Value) -> String {
    event["id"].as_str().unwrap().to_owned()
}

#[test]
fn an_event_is_tried_for_a_day_and_each_try_is_logged() {
    let scene = Scene::new();
    let receiver =
        Stubborn::start(&answer("500 Oops", "", "no mail to alice@example.com, phone 13800138000"));
    let order = scene.paid(&receiver.url);
    let event = id(&scene.events(&format!("order_id={order}"))[0]);
    // From the first try: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h; each may be a tenth
    // of its wait later.
    let schedule = [0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
    for (n, pair) in schedule.windows(2).enumerate() {
        let seen = scene.wait(&event, |it| tries(it) == n + 1);
        assert_eq!(seen["delivery"]["status"], "waiting", "{seen:#}");
        let wait = pair[1] - pair[0];
        scene.advance(wait * 11 / 10 + 1);
    }
    let event = scene.wait(&event, |it| it["delivery"]["status"] == "given_up");
    assert_eq!((tries(&event), receiver.seen()), (10, 10));
    let last = &event["delivery"]["tries"][0];
    assert_eq!((&last["attempt"], &last["status"]), (&json!(10), &json!(500)));
    assert_eq!(last["answer"], "no mail to a***@example.com, phone 138****8000");
    assert!(receiver.url.contains(last["host"].as_str().unwrap()), "{last}");

    // Five in a row were told, once, and not to the one that fails.
    let alarms = scene.events("type=endpoint.failing");
    assert_eq!(alarms.len(), 1, "{alarms:#?}");
    assert_eq!(alarms[0]["data"]["endpoint"]["failures"], 5);
    assert_eq!(alarms[0]["delivery"]["status"], "not_sent");
    let refused = scene.post(&format!("/v1/events/{}/redeliver", id(&alarms[0])), &json!({}));
    assert_eq!((refused.status, &refused.json()["code"]), (409, &json!("event_not_sent")));
    let merchant = scene.operator("GET", "/admin/v1/merchants/m_demo", "").json();
    assert_eq!(merchant["failing_hosts"][0]["failures"], 10, "{merchant}");

    // Asked for, it is told again, and the host is well.
    receiver.answers(&answer("204 No Content", "", ""));
    let again = scene.post(&format!("/v1/events/{}/redeliver", id(&event)), &json!({}));
    assert_eq!(again.status, 202, "{}", again.json());
    let event = scene.wait(&id(&event), |it| it["delivery"]["status"] == "delivered");
    assert_eq!(tries(&event), 11);
    assert_eq!(scene.events("type=endpoint.recovered").len(), 1);
    let merchant = scene.operator("GET", "/admin/v1/merchants/m_demo", "").json();
    assert_eq!(merchant["failing_hosts"], json!([]));
}

#[test]
fn a_receiver_may_ask_for_time_or_for_no_more() {
    let scene = Scene::new();
    let later = Stubborn::start(&answer("503 Busy", "retry-after: 600\r\n", ""));
    let gone = Stubborn::start(&answer("410 Gone", "", "bye"));
    let moved = Stubborn::start(&answer("302 Found", "location: http://127.0.0.1:1/\r\n", ""));
    let event = |receiver: &Stubborn| {
        let order = scene.paid(&receiver.url);
        id(&scene.events(&format!("order_id={order}"))[0])
    };
    let [later_event, gone_event, moved_event] = [&later, &gone, &moved].map(event);
    let seen = scene.wait(&gone_event, |it| it["delivery"]["status"] == "gone");
    assert_eq!(seen["delivery"]["tries"][0]["answer"], "bye");
    let seen = scene.wait(&moved_event, |it| tries(it) == 1);
    assert_eq!((&seen["delivery"]["tries"][0]["status"], later.seen()), (&json!(302), 1));
    scene.wait(&later_event, |it| tries(it) == 1);
    // The schedule would have it after five seconds.
    scene.advance(300);
    scene.wait(&moved_event, |it| tries(it) == 2);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(later.seen(), 1);
    scene.advance(301);
    scene.wait(&later_event, |it| tries(it) == 2);
    assert_eq!(gone.seen(), 1);
}

#[test]
fn events_are_listed_found_and_told_again() {
    let scene = Scene::new();
    let receiver = Receiver::start();
    let from = scene.gateway_time();
    let orders: Vec<String> = (0..3).map(|_| scene.paid(&receiver.url)).collect();
    assert!(receiver.wait(TIMEOUT, |it| it.len() >= 3));
    let all = scene.events("limit=100");
    assert_eq!(all.len(), 3, "{all:#?}");
    for (event, order) in all.iter().zip(&orders) {
        assert_eq!((&event["order_id"], &event["sequence"]), (&json!(order), &json!(1)));
        assert_eq!(event["data"]["order"]["status"], "paid");
    }
    // Page by page, nothing is missed and nothing comes twice.
    let mut paged = Vec::new();
    let mut target = "/v1/events?limit=2".to_owned();
    loop {
        let page = scene.merchant.get(&target).json();
        paged.extend(page["data"].as_array().unwrap().iter().map(id));
        let Some(next) = page["next"].as_str() else { break };
        target = format!("/v1/events?limit=2&after={next}");
    }
    assert_eq!(paged, all.iter().map(id).collect::<Vec<_>>());
    assert_eq!(scene.events(&format!("after={}", paged[2])), [] as [Value; 0]);
    assert_eq!(scene.events("type=order.closed"), [] as [Value; 0]);
    for (target, status, code) in [
        ("/v1/events?limit=0", 400, "invalid_field"),
        ("/v1/events?after=evt_x", 400, "invalid_field"),
        ("/v1/events?after=evt_00000000000000000000000000000000", 404, "event_not_found"),
        ("/v1/events?created_from=yesterday", 400, "invalid_field"),
        ("/v1/events?colour=red", 400, "unknown_field"),
        ("/v1/events/evt_00000000000000000000000000000000", 404, "event_not_found"),
        ("/v1/events/x", 404, "event_not_found"),
    ] {
        let refused = scene.merchant.get(target);
        assert_eq!((refused.status, &refused.json()["code"]), (status, &json!(code)), "{target}");
    }
    // A range once more; the same request again does nothing new.
    let to = "2099-01-01T00:00:00Z";
    let range = json!({ "from": from, "to": to, "types": ["order.paid"] });
    let request = scene.merchant.post("/v1/events/redeliver", "the-same", range.to_string());
    let answer = scene.merchant.send(&request).unwrap();
    assert_eq!((answer.status, &answer.json()["events"]), (202, &json!(3)));
    let repeat = scene.merchant.post("/v1/events/redeliver", "the-same", range.to_string());
    assert_eq!(scene.merchant.send(&repeat).unwrap().json(), answer.json());
    assert!(receiver.wait(TIMEOUT, |it| it.len() >= 6));
    std::thread::sleep(Duration::from_millis(300));
    let told = receiver.events();
    assert_eq!(told.len(), 6);
    for event in &all {
        let same: Vec<_> = told.iter().filter(|it| it["id"] == event["id"]).collect();
        assert!(same.len() == 2 && same[0] == same[1], "the same bytes each time");
    }
}

#[test]
fn callbacks_go_where_the_operator_allows() {
    let scene = Scene::new();
    let code = |url: &str| {
        let answer = scene.create(url);
        match answer.status {
            201 => "created".to_owned(),
            status => {
                assert_eq!((status, &answer.json()["field"]), (422, &json!("notify_url")), "{url}");
                answer.json()["code"].as_str().unwrap().to_owned()
            }
        }
    };
    for (url, expected) in [
        ("https://shop.example/cb", "notify_url_refused"),
        ("http://shop.example/cb", "notify_url_refused"),
        ("http://169.254.169.254/latest/meta-data/", "notify_url_refused"),
        ("http://[::ffff:169.254.169.254]/", "notify_url_refused"),
        ("http://0.0.0.0:8080/", "notify_url_refused"),
        ("http://127.0.0.1:9/cb", "created"),
    ] {
        assert_eq!(code(url), expected, "{url}");
    }
    let put = json!({ "name": "Demo", "notify_hosts": ["shop.example", "shop.example:8443"] });
    let put = scene.operator("PUT", "/admin/v1/merchants/m_demo", &put.to_string());
    assert_eq!(put.status, 200, "{}", put.json());
    for (url, expected) in [
        ("https://shop.example/cb", "created"),
        ("https://shop.example:8443/cb", "created"),
        ("https://shop.example:8444/cb", "notify_url_refused"),
        ("http://shop.example/cb", "notify_url_refused"),
        ("https://other.example/cb", "notify_url_refused"),
    ] {
        assert_eq!(code(url), expected, "{url}");
    }
    for hosts in [json!(["https://shop.example"]), json!(["Shop.example"]), json!(["a b"])] {
        let put = json!({ "name": "Demo", "notify_hosts": hosts }).to_string();
        let refused = scene.operator("PUT", "/admin/v1/merchants/m_demo", &put);
        assert_eq!((refused.status, &refused.json()["code"]), (400, &json!("invalid_field")));
    }
}

#[test]
fn secrets_and_keys_are_changed_without_a_gap() {
    let scene = Scene::new();
    let receiver = Stubborn::start(&answer("204 No Content", "", ""));
    let signatures = |n: usize| {
        let start = Instant::now();
        while receiver.seen() < n {
            assert!(start.elapsed() < TIMEOUT, "{}", scene.gateway.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        let head = receiver.heads.lock().unwrap()[n - 1].to_ascii_lowercase();
        head.split_once("webhook-signature: ").unwrap().1.lines().next().unwrap().split(' ').count()
    };
    scene.paid(&receiver.url);
    assert_eq!(signatures(1), 1);
    let rotated = scene.operator("POST", "/admin/v1/merchants/m_demo/webhook-secret", "");
    assert_eq!(rotated.status, 200, "{}", rotated.json());
    assert!(rotated.json()["webhook_secret"].as_str().unwrap().starts_with("whsec_"));
    assert!(rotated.json()["former_webhook_secret_until"].is_string());
    scene.paid(&receiver.url);
    assert_eq!(signatures(2), 2);

    let removed = scene.operator("DELETE", "/admin/v1/merchants/m_demo/keys/demo-1", "");
    assert_eq!(removed.status, 204);
    let refused = scene.merchant.get("/v1/events");
    assert_eq!((refused.status, &refused.json()["code"]), (401, &json!("key_unknown")));
    let twice = scene.operator("DELETE", "/admin/v1/merchants/m_demo/keys/demo-1", "");
    assert_eq!(twice.status, 404);
}

#[test]
fn a_receiver_is_tried_out() {
    let scene = Scene::new();
    let report = scene.post("/v1/events/test", &json!({}));
    assert_eq!(report.status, 200, "{}", report.json());
    let report = report.json();
    // The demo shop verifies both signatures.
    assert_eq!(report["passed"], true, "{report:#}");
    let statuses: Vec<_> =
        report["callbacks"].as_array().unwrap().iter().map(|it| &it["status"]).collect();
    assert_eq!(statuses, [204, 401, 204]);
    // This one takes anything.
    let receiver = Receiver::start();
    let report = scene.post("/v1/events/test", &json!({ "notify_url": receiver.url })).json();
    let right: Vec<_> =
        report["callbacks"].as_array().unwrap().iter().map(|it| it["right"] == true).collect();
    assert_eq!((right, &report["passed"]), (vec![true, false, true], &json!(false)), "{report:#}");
    // Why there was no answer is a word, and the note is about that.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let report =
        scene.post("/v1/events/test", &json!({ "notify_url": format!("http://{nobody}/") }));
    let finding = report.json()["callbacks"][0].clone();
    assert_eq!((&finding["error"], &finding["right"]), (&json!("refused"), &json!(false)));
    assert!(finding["note"].as_str().unwrap().contains("nobody listens"), "{finding}");
    let refused = scene.post("/v1/events/test", &json!({ "notify_url": "https://other.example/" }));
    assert_eq!((refused.status, &refused.json()["code"]), (422, &json!("notify_url_refused")));
}

#[test]
fn an_address_is_written_as_it_is_sent_and_signed() {
    let scene = Scene::new();
    for (written, sent) in [
        ("http://127.0.0.1:9/茶/cb", "http://127.0.0.1:9/%E8%8C%B6/cb"),
        ("http://127.0.0.1:9/a/../cb", "http://127.0.0.1:9/cb"),
        ("http://[0:0:0:0:0:0:0:1]:9/cb", "http://[::1]:9/cb"),
        ("http://127.1:9/", "http://127.0.0.1:9/"),
    ] {
        let answer = scene.create(written);
        assert_eq!((answer.status, answer.code().as_str()), (422, "notify_url_refused"));
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.ends_with(&format!("write {sent}")), "{detail}");
        assert_eq!(scene.create(sent).status, 201, "{sent}");
    }
    // An address that every reader reads alike is taken.
    assert_eq!(scene.create("HTTP://127.0.0.1:9#top").status, 201);
}

#[test]
fn a_page_of_large_orders_ends_early_and_nothing_is_missed() {
    let scene = Scene::new();
    let metadata: serde_json::Map<String, Value> =
        (0..20).map(|n| (format!("k{n}"), json!("茶".repeat(200)))).collect();
    for n in 0..70 {
        let mut order = Merchant::order(&format!("L-{n}"));
        order["metadata"] = metadata.clone().into();
        assert_eq!(scene.merchant.create(&random_hex(), order.to_string()).unwrap().status, 201);
    }
    let (mut target, mut seen, mut pages) = ("/v1/orders?limit=100".to_owned(), 0, 0);
    loop {
        let answer = scene.merchant.get(&target);
        // The bound of our own clients.
        assert!(answer.body.len() <= 1 << 20, "{}", answer.body.len());
        let page = answer.json();
        seen += page["data"].as_array().unwrap().len();
        pages += 1;
        assert_eq!(page["has_more"] == true, page["next"].is_string());
        let Some(next) = page["next"].as_str() else { break };
        target = format!("/v1/orders?limit=100&after={next}");
    }
    assert_eq!((seen, pages > 1), (70, true));
}

impl Scene {
    fn gateway_time(&self) -> String {
        let clock = Request::new("GET", "/sandbox/clock", "").send(&self.gateway.authority);
        clock.unwrap().json()["now"].as_str().unwrap().to_owned()
    }
}
