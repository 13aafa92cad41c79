//! One connection, used by one thread. Statements are prepared once; what needs no answer before the next question
//! is sent along with it, so that a commit costs as many round trips as it has questions, and one.
//!
//! A session that lost its connection answers every question with [`Fault::Unavailable`], until it is connected anew.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use lezai_store::{Fault, StoreError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, Connection, Error, NoTls, Row, Statement};

use super::address::Address;
use super::tls;

/// A question that takes longer was lost on its way: the server itself ends what takes [`LOCK_TIMEOUT_MS`] or more.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(40);
/// A connection that is not made by then is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The server gives up waiting for a book after this.
const LOCK_TIMEOUT_MS: u32 = 20_000;
/// The server ends a session that stands still in a transaction: a node that was stopped in the middle holds up the
/// others no longer than this.
const STANDSTILL_MS: u32 = 5_000;
/// After a connection that failed the next is tried after this, twice as late each time.
const BACKOFF: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(2);

/// The parameters of a statement that is sent along with the next.
pub(super) type Owned = Vec<Box<dyn ToSql + Sync + Send>>;
type Sent = Pin<Box<dyn Future<Output = Result<u64, Error>> + Send>>;

pub(super) struct Session {
    address: Arc<Address>,
    runtime: Runtime,
    link: RefCell<Option<Link>>,
    /// The statements sent and not answered yet.
    sent: RefCell<Vec<Sent>>,
    /// The first error since the transaction, or the savepoint, began: the server refuses what follows.
    failed: RefCell<Option<StoreError>>,
    /// When the next connection may be tried, and how long to wait after that one.
    next_try: Cell<(Option<Instant>, Duration)>,
}

struct Link {
    client: Arc<Client>,
    statements: HashMap<String, Statement>,
}

impl Session {
    /// A session without a connection.
    pub(super) fn new(address: &Arc<Address>) -> Result<Self, StoreError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        Ok(Self {
            address: Arc::clone(address),
            runtime: runtime.map_err(|error| StoreError::database(Fault::Other, error))?,
            link: RefCell::default(),
            sent: RefCell::default(),
            failed: RefCell::default(),
            next_try: Cell::new((None, BACKOFF)),
        })
    }

    /// Connects if there is no connection. After a failure it does not try again at once.
    pub(super) fn connect(&self) -> Result<(), StoreError> {
        if self.is_connected() {
            return Ok(());
        }
        self.hang_up();
        let (at, pause) = self.next_try.get();
        if at.is_some_and(|at| Instant::now() < at) {
            return Err(unavailable("the database was not reached a moment ago"));
        }
        match self.dial() {
            Ok(link) => {
                self.link.replace(Some(link));
                self.next_try.set((None, BACKOFF));
                Ok(())
            }
            Err(error) => {
                self.next_try.set((Some(Instant::now() + pause), (pause * 2).min(BACKOFF_MAX)));
                Err(error)
            }
        }
    }

    fn dial(&self) -> Result<Link, StoreError> {
        let connecting = dial(&self.address, drop);
        let client = self.runtime.block_on(connecting)?;
        Ok(Link { client: Arc::new(client), statements: HashMap::new() })
    }

    pub(super) fn is_connected(&self) -> bool {
        self.link.borrow().as_ref().is_some_and(|link| !link.client.is_closed())
    }

    /// Forgets the connection, and with it what was under way on it.
    pub(super) fn hang_up(&self) {
        self.sent.borrow_mut().clear();
        self.failed.replace(None);
        self.link.replace(None);
    }

    /// The first error since the transaction or the savepoint began, if there was one.
    pub(super) fn failure(&self) -> Option<StoreError> {
        self.failed.borrow().clone()
    }

    /// Every question is answered by this error, until [`Session::recovered`].
    pub(super) fn fail(&self, error: StoreError) {
        self.failed.replace(Some(error));
    }

    /// The transaction, or the savepoint, was undone: the server takes statements again.
    pub(super) fn recovered(&self) {
        self.failed.replace(None);
    }

    /// Rows.
    pub(super) fn query(
        &self,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        let (client, statement) = self.prepared(sql)?;
        self.answered(async { client.query(&statement, params).await })
    }

    /// Rows of a statement that is not asked again.
    pub(super) fn query_once(&self, sql: &str) -> Result<Vec<Row>, StoreError> {
        let client = self.client()?;
        self.answered(async { client.query(sql, &[]).await })
    }

    /// How many rows a statement changed.
    pub(super) fn execute(
        &self,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, StoreError> {
        let (client, statement) = self.prepared(sql)?;
        self.answered(async { client.execute(&statement, params).await })
    }

    /// Sends a statement that nobody waits for. Should it fail, the next question does, or [`Session::flush`].
    pub(super) fn send(&self, sql: &str, params: Owned) -> Result<(), StoreError> {
        let (client, statement) = self.prepared(sql)?;
        let mut sent: Sent = Box::pin(async move {
            let params: Vec<&(dyn ToSql + Sync)> =
                params.iter().map(|it| it.as_ref() as &(dyn ToSql + Sync)).collect();
            client.execute(&statement, &params).await
        });
        // It is on its way once it was polled, and so before whatever comes next.
        match sent.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            std::task::Poll::Pending => self.sent.borrow_mut().push(sent),
            std::task::Poll::Ready(Ok(_)) => {}
            std::task::Poll::Ready(Err(error)) => return Err(self.note(error)),
        }
        Ok(())
    }

    /// Waits for the answers to all that was sent.
    pub(super) fn flush(&self) -> Result<(), StoreError> {
        if let Some(error) = self.failure() {
            self.settle();
            return Err(error);
        }
        self.settle();
        self.failure().map_or(Ok(()), Err)
    }

    fn settle(&self) {
        let sent = std::mem::take(&mut *self.sent.borrow_mut());
        if sent.is_empty() {
            return;
        }
        let waiting = async { tokio::time::timeout(ANSWER_TIMEOUT, join_all(sent)).await };
        let Ok(answers) = self.runtime.block_on(waiting) else {
            self.link.replace(None);
            self.failed.borrow_mut().get_or_insert_with(too_late);
            return;
        };
        for error in answers.into_iter().filter_map(Result::err) {
            self.note(error);
        }
    }

    /// Runs statements without parameters, several at once, as they are.
    pub(super) fn batch(&self, sql: &str) -> Result<(), StoreError> {
        let client = self.client()?;
        self.answered(async { client.batch_execute(sql).await })
    }

    fn answered<T>(&self, asked: impl Future<Output = Result<T, Error>>) -> Result<T, StoreError> {
        let sent = std::mem::take(&mut *self.sent.borrow_mut());
        let both = async {
            // Before it is waited for, what was sent has its answer, in this order.
            let all = async { join(join_all(sent), asked).await };
            tokio::time::timeout(ANSWER_TIMEOUT, all).await
        };
        let Ok((before, answer)) = self.runtime.block_on(both) else {
            self.link.replace(None);
            self.failed.borrow_mut().get_or_insert_with(too_late);
            return Err(too_late());
        };
        for error in before.into_iter().filter_map(Result::err) {
            self.note(error);
        }
        // The first error is the cause: the server refuses all that follows.
        let earlier = self.failure();
        let answer = answer.map_err(|error| self.note(error));
        match (earlier, answer) {
            (Some(earlier), _) => Err(earlier),
            (None, answer) => answer,
        }
    }

    fn prepared(&self, sql: &str) -> Result<(Arc<Client>, Statement), StoreError> {
        if let Some(error) = self.failure() {
            return Err(error);
        }
        let client = self.client()?;
        let known = self.link.borrow().as_ref().and_then(|it| it.statements.get(sql).cloned());
        if let Some(statement) = known {
            return Ok((client, statement));
        }
        let statement = self.answered(async { client.prepare(sql).await })?;
        tracing::trace!(target: "lezai_store_postgres::sql", sql, "prepared");
        if let Some(link) = &mut *self.link.borrow_mut() {
            link.statements.insert(sql.to_owned(), statement.clone());
        }
        Ok((client, statement))
    }

    fn client(&self) -> Result<Arc<Client>, StoreError> {
        let link = self.link.borrow();
        let client = link.as_ref().map(|link| Arc::clone(&link.client));
        client.ok_or_else(|| unavailable("there is no connection to the database"))
    }

    /// Keeps the first error, for all that follow it are its consequence.
    fn note(&self, error: Error) -> StoreError {
        let error = failed(error);
        self.failed.borrow_mut().get_or_insert(error).clone()
    }
}

/// Does something on a connection of its own, on a thread of its own: whoever calls may be on one of tokio's, which
/// must not wait.
pub(super) fn apart<T: Send>(
    address: &Arc<Address>,
    work: impl FnOnce(&Session) -> Result<T, StoreError> + Send,
) -> Result<T, StoreError> {
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let session = Session::new(address)?;
            session.connect()?;
            work(&session)
        });
        worker.join().unwrap_or(Err(StoreError::Abandoned))
    })
}

/// A connection whose notifications go into a channel, which ends with it.
pub(super) async fn listening(
    address: &Address,
    heard: tokio::sync::mpsc::UnboundedSender<String>,
) -> Result<Client, StoreError> {
    dial(address, move |message| {
        if let AsyncMessage::Notification(notification) = message {
            // A failure means that nobody listens any more.
            let _ = heard.send(notification.payload().to_owned());
        }
    })
    .await
}

async fn dial(
    address: &Address,
    hear: impl FnMut(AsyncMessage) + Send + 'static,
) -> Result<Client, StoreError> {
    // Not among the parameters that a session begins with: PgBouncer refuses those.
    let settings = format!(
        "SET lock_timeout = {LOCK_TIMEOUT_MS}; SET idle_in_transaction_session_timeout = {STANDSTILL_MS}"
    );
    let mut config = address.config.clone();
    config.application_name("lezai").connect_timeout(CONNECT_TIMEOUT);
    config.tcp_user_timeout(ANSWER_TIMEOUT).keepalives_idle(Duration::from_secs(10));
    let connecting = async {
        let client = match &address.tls {
            Some(tls) => {
                let tls = tls::Connector::new(Arc::clone(tls));
                let (client, connection) = config.connect(tls).await?;
                tokio::spawn(drive(connection, hear));
                client
            }
            None => {
                let (client, connection) = config.connect(NoTls).await?;
                tokio::spawn(drive(connection, hear));
                client
            }
        };
        client.batch_execute(&settings).await?;
        Ok::<_, Error>(client)
    };
    let connected = tokio::time::timeout(CONNECT_TIMEOUT, connecting).await;
    connected.map_err(|_| unavailable("the database did not answer in time"))?.map_err(failed)
}

/// Carries what is asked and answered, until the connection ends, which its client sees.
async fn drive<S, T>(mut connection: Connection<S, T>, mut hear: impl FnMut(AsyncMessage))
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
        hear(message);
    }
}

/// An error for which nothing was done, and the same may be asked again later.
pub(super) fn unavailable(why: &str) -> StoreError {
    StoreError::database(Fault::Unavailable, why)
}

fn too_late() -> StoreError {
    unavailable("the database did not answer in time")
}

/// Which kind an error of PostgreSQL's is.
pub(super) fn failed(error: Error) -> StoreError {
    let Some(code) = error.code() else {
        // It did not come from the server: the connection could not be made, or was lost.
        let refused = error.to_string().contains("configuration");
        let fault = if refused { Fault::Other } else { Fault::Unavailable };
        return StoreError::database(fault, Said::new(&error));
    };
    let fault = match *code {
        SqlState::DISK_FULL => Fault::NoRoom,
        SqlState::IO_ERROR => Fault::Disk,
        SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED => Fault::Corrupt,
        SqlState::INSUFFICIENT_PRIVILEGE
        | SqlState::INVALID_PASSWORD
        | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => Fault::Forbidden,
        SqlState::INVALID_CATALOG_NAME | SqlState::UNDEFINED_TABLE => Fault::Foreign,
        // A standby, or a primary that became one: another node of the database takes over.
        SqlState::READ_ONLY_SQL_TRANSACTION
        | SqlState::LOCK_NOT_AVAILABLE
        | SqlState::QUERY_CANCELED
        | SqlState::T_R_DEADLOCK_DETECTED
        | SqlState::T_R_SERIALIZATION_FAILURE
        | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => Fault::Unavailable,
        // 08: connection; 53: resources; 57P: the server stops or starts.
        _ if ["08", "53", "57P"].iter().any(|class| code.code().starts_with(class)) => {
            Fault::Unavailable
        }
        _ => Fault::Other,
    };
    StoreError::database(fault, Said::new(&error))
}

/// PostgreSQL's message, with its code. Values of rows, which it tells as `detail`, are left out: they can be
/// somebody's.
#[derive(Debug)]
struct Said(String);

impl Said {
    fn new(error: &Error) -> Self {
        match error.as_db_error() {
            Some(said) => Self(format!("{} ({})", said.message(), said.code().code())),
            None => {
                use std::error::Error as _;
                let source = error.source().map(|it| format!(": {it}")).unwrap_or_default();
                Self(format!("{error}{source}"))
            }
        }
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Said {}
