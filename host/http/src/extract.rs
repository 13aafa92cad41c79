//! Parts of a request that many handlers read: a segment of the path, the query, an empty body.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query as AxumQuery};

use lezai_wire::json::{Invalid, Object};
use lezai_wire::page::QueryParams;
use lezai_wire::problem::{Code, Problem};

/// A segment of the path as it came.
pub(super) type Segment = Result<Path<String>, PathRejection>;
/// A query as it came.
pub(super) type Query = Result<AxumQuery<Vec<(String, String)>>, QueryRejection>;

/// A segment of the path. One that does not decode is nobody's id.
///
/// # Errors
///
/// `not_found`.
pub(super) fn segment(path: Segment) -> Result<String, Problem> {
    path.map(|Path(id)| id)
        .map_err(|_| Problem::new(Code::NotFound, "the path has a part that is no UTF-8"))
}

/// The parameters of a query.
///
/// # Errors
///
/// `invalid_field`.
pub(super) fn asked(query: Query) -> Result<QueryParams, Problem> {
    query
        .map(|AxumQuery(query)| QueryParams::new(query))
        .map_err(|rejected| Problem::new(Code::InvalidField, rejected.body_text()))
}

/// A body without fields: none, or an empty object.
///
/// # Errors
///
/// [`Invalid`], with the field at fault.
pub(super) fn no_fields(body: &[u8]) -> Result<(), Invalid> {
    if body.is_empty() { Ok(()) } else { Object::parse(body)?.finish() }
}
