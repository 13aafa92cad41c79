//! Where spans go: a collector that takes OTLP over HTTP. Bounded in every direction, and nobody waits for it.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider,
};
use prometheus_client::metrics::counter::Counter;
use tokio::runtime::Handle;

use super::place::Place;
use super::work::{Kind, Work};

/// Spans that wait to be sent, of some KB each; further ones are lost.
const QUEUE_MAX: usize = 8_192;
/// Spans in one request.
const BATCH_MAX: usize = 512;
/// A span waits so long for others, at most.
const PAUSE: Duration = Duration::from_secs(2);
/// A collector that takes longer has not taken it.
const TIMEOUT: Duration = Duration::from_secs(5);
/// A collector says little; what is beyond this is not read.
const ANSWER_MAX: usize = 64 * 1024;

/// A collector, and how much it gets.
#[derive(Clone, Debug)]
pub struct Collector {
    /// Its address, such as `http://127.0.0.1:4318`; `/v1/traces` is put behind it.
    pub endpoint: String,
    /// Of a hundred traces, so many.
    pub sampled_percent: u32,
    /// The version of this program.
    pub version: &'static str,
    /// Which of several nodes this is.
    pub instance: String,
}

/// The traces of this process; none if no collector was named.
#[derive(Clone, Default)]
pub struct Traces(Option<On>);

#[derive(Clone)]
struct On {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    failed: Counter,
}

impl Traces {
    /// No traces.
    pub fn off() -> Self {
        Self(None)
    }

    /// Traces that go to a collector. To be called within tokio, whose runtime carries them.
    ///
    /// # Errors
    ///
    /// Why there is no exporter, in words.
    pub fn to(collector: &Collector) -> Result<Self, String> {
        let failed = Counter::default();
        let alone = reqwest::redirect::Policy::none();
        let client = reqwest::Client::builder().timeout(TIMEOUT).redirect(alone).no_proxy().build();
        let client = Client {
            client: client.map_err(|error| error.to_string())?,
            runtime: Handle::try_current().map_err(|error| error.to_string())?,
            failed: failed.clone(),
            is_failing: AtomicBool::new(false),
        };
        let endpoint = format!("{}/v1/traces", collector.endpoint.trim_end_matches('/'));
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_endpoint(endpoint)
            .with_timeout(TIMEOUT)
            .build()
            .map_err(|error| error.to_string())?;
        let batch = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE_MAX)
            .with_max_export_batch_size(BATCH_MAX)
            .with_scheduled_delay(PAUSE);
        let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batch.build());
        let resource = Resource::builder_empty()
            .with_service_name("lezai")
            .with_attribute(KeyValue::new("service.version", collector.version))
            .with_attribute(KeyValue::new("service.instance.id", collector.instance.clone()));
        let provider = SdkTracerProvider::builder()
            .with_span_processor(processor.build())
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(share(
                collector.sampled_percent,
            )))))
            .with_resource(resource.build())
            .build();
        Ok(Self(Some(On { tracer: provider.tracer("lezai"), provider, failed })))
    }

    /// Whether there is a collector.
    pub fn are_on(&self) -> bool {
        self.0.is_some()
    }

    /// Begins a work, if there are traces. `caller` is the `traceparent` of whoever asks for it.
    pub fn begin(&self, name: impl Into<String>, kind: Kind, caller: Option<&str>) -> Option<Work> {
        let on = self.0.as_ref()?;
        Some(Work::begin(&on.tracer, name.into(), kind, caller.and_then(Place::parse)))
    }

    /// Requests to the collector that failed; none if there is no collector.
    pub fn failed(&self) -> Option<&Counter> {
        self.0.as_ref().map(|on| &on.failed)
    }

    /// Sends what waits, for some seconds at most. It blocks its thread.
    pub fn end(&self) {
        if let Some(on) = &self.0 {
            // What is not sent by then is lost, as is what finds the queue full.
            let _ = on.provider.shutdown_with_timeout(TIMEOUT);
        }
    }
}

#[expect(clippy::float_arithmetic, reason = "the sampler takes a share, and no money is near")]
fn share(percent: u32) -> f64 {
    f64::from(percent.min(100)) / 100.0
}

/// Carries requests on tokio's threads: the exporter's own has no reactor.
struct Client {
    client: reqwest::Client,
    runtime: Handle,
    failed: Counter,
    is_failing: AtomicBool,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

#[async_trait::async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let carried = self.runtime.spawn(async move {
            let mut answer = client.execute(request.try_into()?).await?;
            let mut response = Response::new(Bytes::new());
            *response.status_mut() = answer.status();
            let mut body = Vec::new();
            while let Some(piece) = answer.chunk().await? {
                if body.len() + piece.len() > ANSWER_MAX {
                    break;
                }
                body.extend_from_slice(&piece);
            }
            *response.body_mut() = body.into();
            Ok::<_, reqwest::Error>(response)
        });
        let carried = match carried.await {
            Ok(carried) => carried.map_err(HttpError::from),
            Err(error) => Err(HttpError::from(error)),
        };
        let is_taken = carried.as_ref().is_ok_and(|it| it.status().is_success());
        if !is_taken {
            self.failed.inc();
        }
        let was_failing = self.is_failing.swap(!is_taken, Ordering::Relaxed);
        // Once for each outage, and not for each request.
        if !is_taken && !was_failing {
            match &carried {
                Ok(answer) => {
                    let status = answer.status().as_u16();
                    tracing::warn!(status, "the collector takes no traces");
                }
                Err(error) => tracing::warn!(%error, "the collector is not reached"),
            }
        }
        carried
    }
}
