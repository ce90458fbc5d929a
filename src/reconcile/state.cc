#include "reconcile/state.h"

#include <sqlite3.h>

#include "base/check.h"

namespace narrows::reconcile {
namespace {

constexpr std::int64_t kVersion = 5;

/// An index whose condition compared `request_id` itself would have every query for one of them
/// prepared anew. `operation.request_id` is "" while none is known; `file.is_read` is 2 of those
/// that are to be read again. Times are nanoseconds since 1970.
constexpr const char* kSchema = R"sql(
CREATE TABLE file(key TEXT PRIMARY KEY, path TEXT, is_digest INTEGER, account TEXT, region TEXT,
    chain TEXT, time INTEGER, stamp TEXT, sha256 TEXT, is_read INTEGER, run INTEGER)
    WITHOUT ROWID;
CREATE INDEX file_to_read ON file(is_digest, is_read, time);
CREATE TABLE digest(key TEXT PRIMARY KEY, chain TEXT, starts INTEGER, ends INTEGER,
    fingerprint TEXT, signed_text TEXT, signature TEXT, previous TEXT, previous_hash TEXT,
    previous_signature TEXT, sha256 TEXT, sha256_packed TEXT, proof INTEGER) WITHOUT ROWID;
CREATE INDEX digest_in_chain ON digest(chain, ends);
CREATE INDEX digest_previous ON digest(previous);
CREATE TABLE listed(key TEXT, digest TEXT, sha256 TEXT, PRIMARY KEY(key, digest)) WITHOUT ROWID;
CREATE TABLE operation(id INTEGER PRIMARY KEY, part INTEGER, op INTEGER, session TEXT,
    account TEXT, region TEXT, service TEXT, name TEXT, request_id TEXT, key_id TEXT,
    asked INTEGER, ended INTEGER, status INTEGER, attempts INTEGER, is_write INTEGER, root TEXT,
    parameters TEXT, event TEXT, shared TEXT, alike INTEGER DEFAULT 0, UNIQUE(part, op));
CREATE INDEX operation_request ON operation(request_id);
CREATE INDEX operation_loose ON operation(session, asked) WHERE length(request_id) = 0 OR attempts > 1;
CREATE INDEX operation_open ON operation(asked) WHERE event IS NULL;
CREATE TABLE credential(key_id TEXT PRIMARY KEY, part INTEGER, session TEXT, role TEXT,
    session_name TEXT, request_id TEXT, account TEXT, region TEXT, time INTEGER, event TEXT)
    WITHOUT ROWID;
CREATE INDEX credential_request ON credential(request_id);
CREATE INDEX credential_name ON credential(session_name);
CREATE TABLE principal(name TEXT PRIMARY KEY, why TEXT, session TEXT, op INTEGER, since INTEGER)
    WITHOUT ROWID;
CREATE TABLE made(id INTEGER PRIMARY KEY, actor TEXT, what TEXT, name TEXT, giver TEXT, region TEXT,
    role TEXT, session TEXT, record TEXT, root TEXT, story TEXT, parent INTEGER, depth INTEGER,
    certain INTEGER, passed INTEGER, shared INTEGER, since INTEGER, ends INTEGER, valid INTEGER,
    thing TEXT, UNIQUE(actor, session, record));
CREATE INDEX made_record ON made(record);
CREATE INDEX made_thing ON made(thing);
CREATE TABLE ended(actor TEXT, region TEXT, time INTEGER, grace INTEGER, record TEXT,
    PRIMARY KEY(actor, region, time, record)) WITHOUT ROWID;
CREATE TABLE issued(key_id TEXT, made INTEGER, time INTEGER, PRIMARY KEY(key_id, made))
    WITHOUT ROWID;
CREATE TABLE link(event TEXT, made INTEGER, rank INTEGER, PRIMARY KEY(event, made)) WITHOUT ROWID;
CREATE TABLE unfollowed(record TEXT PRIMARY KEY, operation TEXT, session TEXT, why TEXT,
    sets_off TEXT) WITHOUT ROWID;
CREATE TABLE leak(key_id TEXT PRIMARY KEY, part INTEGER, op INTEGER, session TEXT, since INTEGER)
    WITHOUT ROWID;
CREATE TABLE source_identity(name TEXT PRIMARY KEY, since INTEGER) WITHOUT ROWID;
CREATE TABLE event(id TEXT PRIMARY KEY, class TEXT, name TEXT, time INTEGER, account TEXT,
    region TEXT, principal TEXT, key_id TEXT, request_id TEXT, error TEXT, session TEXT, file TEXT,
    why TEXT, text TEXT);
CREATE INDEX event_class ON event(class, id);
CREATE TABLE difference(operation INTEGER, event TEXT, field TEXT, recorded TEXT, logged TEXT,
    file TEXT, PRIMARY KEY(operation, event, field)) WITHOUT ROWID;
CREATE TABLE shown(service TEXT, account TEXT, region TEXT, root TEXT, is_write INTEGER,
    since INTEGER, PRIMARY KEY(service, account, region, root, is_write)) WITHOUT ROWID;
CREATE TABLE finding(kind TEXT, file TEXT, why TEXT, PRIMARY KEY(kind, file)) WITHOUT ROWID;
CREATE TABLE tally(name TEXT PRIMARY KEY, count INTEGER) WITHOUT ROWID;
)sql";

Error failure(sqlite3* database, int code) {
    const bool is_busy = code == SQLITE_BUSY || code == SQLITE_LOCKED;
    if (is_busy) {
        return {ErrorCode::conflict, "another `narrows reconcile` works with this state: wait"};
    }
    return {code == SQLITE_FULL ? ErrorCode::exhausted : ErrorCode::io,
            std::string("the state of the reconciliation cannot be read or written: ") +
                sqlite3_errmsg(database)};
}

}  // namespace

Query::Query(sqlite3* database, sqlite3_stmt* statement)
    : database_(database), statement_(statement) {}

void Query::Finalize::operator()(sqlite3_stmt* statement) const {
    sqlite3_finalize(statement);
}

Result<bool> Query::next() {
    const int code = sqlite3_step(statement_.get());
    if (code == SQLITE_ROW) {
        return true;
    }
    if (code != SQLITE_DONE) {
        const Error error = failure(database_, code);
        reset();
        return fail(error);
    }
    reset();
    return false;
}

void Query::reset() {
    sqlite3_reset(statement_.get());
    code_ = SQLITE_OK;
}

std::string Query::text(int column) const {
    const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
    const int size = sqlite3_column_bytes(statement_.get(), column);
    return bytes == nullptr ? std::string() : std::string(bytes, static_cast<std::size_t>(size));
}

std::int64_t Query::number(int column) const {
    return sqlite3_column_int64(statement_.get(), column);
}

bool Query::is_null(int column) const {
    return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

void Query::bind(int at, std::string_view text) {
    // An empty view may have no address, which SQLite would take for NULL.
    const char* bytes = text.empty() ? "" : text.data();
    code_ |= sqlite3_bind_text(statement_.get(), at, bytes, static_cast<int>(text.size()),
                               SQLITE_TRANSIENT);
}

void Query::bind(int at, std::int64_t number) {
    code_ |= sqlite3_bind_int64(statement_.get(), at, number);
}

Result<void> Query::bound() {
    return code_ == SQLITE_OK ? ok() : Result<void>(fail(failure(database_, code_)));
}

void Database::Close::operator()(sqlite3* database) const {
    sqlite3_close(database);
}

Result<Database> Database::open(const std::string& path) {
    sqlite3* opened = nullptr;
    const int code =
        sqlite3_open_v2(path.c_str(), &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
    Database database(opened);
    if (code != SQLITE_OK) {
        return fail(ErrorCode::io, "the state " + path + " cannot be opened");
    }
    NARROWS_TRY(database.make_ready(!path.empty()));
    return database;
}

Result<void> Database::make_ready(bool is_kept) {
    NARROWS_TRY(execute("PRAGMA cache_size = -16384"));
    NARROWS_TRY(execute("PRAGMA locking_mode = EXCLUSIVE"));
    if (!is_kept) {
        NARROWS_TRY(execute("PRAGMA synchronous = OFF"));
    }
    NARROWS_TRY(execute("BEGIN IMMEDIATE"));
    Query version = prepare("PRAGMA user_version");
    NARROWS_TRY(const bool row, version.next());
    const std::int64_t found = row ? version.number(0) : 0;
    version.reset();
    if (found == 0) {
        NARROWS_TRY(execute(kSchema));
        NARROWS_TRY(execute(("PRAGMA user_version = " + std::to_string(kVersion)).c_str()));
    } else if (found != kVersion) {
        return fail(ErrorCode::unsupported,
                    "the state is of another version of narrows: remove it, and all is read again");
    }
    return commit();
}

Query Database::prepare(const char* sql) const {
    sqlite3_stmt* statement = nullptr;
    const int code = sqlite3_prepare_v2(database_.get(), sql, -1, &statement, nullptr);
    NARROWS_CHECK(code == SQLITE_OK, "a statement of ours does not fit the schema");
    return {database_.get(), statement};
}

Result<void> Database::execute(const char* sql) const {
    const int code = sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr);
    return code == SQLITE_OK ? ok() : Result<void>(fail(failure(database_.get(), code)));
}

Result<void> Database::commit() {
    NARROWS_TRY(execute("COMMIT"));
    return execute("BEGIN IMMEDIATE");
}

std::int64_t Database::changed() const {
    return sqlite3_changes64(database_.get());
}

}  // namespace narrows::reconcile
