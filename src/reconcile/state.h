#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

/// What reconciliation keeps between files and between runs, in an SQLite file. It is no evidence:
/// without it everything is read again.
namespace narrows::reconcile {

/// A prepared statement. `run` and `begin` bind all parameters in order. Belongs to its Database.
class Query {
  public:
    template <class... Values>
    Result<void> run(const Values&... values) {
        NARROWS_TRY(begin(values...));
        NARROWS_TRY(const bool row, next());
        static_cast<void>(row);
        reset();
        return ok();
    }
    /// Then `next` until it says false; a statement that is left before that needs a `reset`.
    template <class... Values>
    Result<void> begin(const Values&... values) {
        reset();
        int at = 0;
        (bind(++at, values), ...);
        return bound();
    }
    Result<bool> next();
    void reset();

    std::string text(int column) const;
    std::int64_t number(int column) const;
    bool is_null(int column) const;

  private:
    friend class Database;
    Query(sqlite3* database, sqlite3_stmt* statement);
    void bind(int at, std::string_view text);
    void bind(int at, const std::string& text) { bind(at, std::string_view(text)); }
    void bind(int at, const char* text) { bind(at, std::string_view(text)); }
    void bind(int at, std::int64_t number);
    void bind(int at, std::uint64_t number) { bind(at, static_cast<std::int64_t>(number)); }
    void bind(int at, int number) { bind(at, std::int64_t{number}); }
    void bind(int at, bool value) { bind(at, std::int64_t{value ? 1 : 0}); }
    Result<void> bound();

    struct Finalize {
        void operator()(sqlite3_stmt* statement) const;
    };
    sqlite3* database_;
    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
    int code_ = 0;
};

/// The file, its schema in place. One process at a time; not thread-safe. Memory: a page cache of
/// 16 MiB. A transaction is always open: `commit` ends it and begins the next, and what was not
/// committed is gone after a crash.
class Database {
  public:
    /// `path` empty: a file of its own that goes with the object. ErrorCode::conflict: another run
    /// has it open; ErrorCode::unsupported: it is of another version.
    static Result<Database> open(const std::string& path);
    /// `sql` is a constant of ours.
    Query prepare(const char* sql) const;
    Result<void> execute(const char* sql) const;
    Result<void> commit();
    /// Rows that the last statement changed.
    std::int64_t changed() const;

  private:
    struct Close {
        void operator()(sqlite3* database) const;
    };
    explicit Database(sqlite3* database) : database_(database) {}
    Result<void> make_ready(bool is_kept);
    std::unique_ptr<sqlite3, Close> database_;
};

}  // namespace narrows::reconcile
