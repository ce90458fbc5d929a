#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "review/recording.h"

/// A recording as people read it. Whatever comes from a record is made printable.
namespace narrows::apps {

class Story {
  public:
    struct Style {
        bool colour = false;
        bool bodies = false;
        bool full = false;  ///< everything known of each operation
    };
    Story(std::ostream& out, Style style) : out_(out), style_(style) {}

    void header(const review::SessionSummary& session);
    void event(const review::EventView& event);
    void operation(const review::OperationView& operation);
    /// Lines of review::lines_of, which are never none.
    void findings(const std::vector<std::string>& lines);
    void cannot_show(const std::vector<std::string>& sentences);

  private:
    void open(const codec::Value& payload);
    void connection(const codec::Value& connection);
    void line(std::string_view name, const std::string& text);
    void sources(const review::OperationView& operation);
    void integrity(const review::OperationView& operation);
    void decision(const review::OperationView& operation);
    void outcome(const review::OperationView& operation);
    void full(const review::OperationView& operation);
    void secrets(const review::OperationView& operation);
    void events(const char* name, const review::BodyView& body, WallNs began);
    void body(const char* name, const review::BodyView& body);
    std::string paint(const char* code, const std::string& text) const;

    std::ostream& out_;
    Style style_;
};

/// The JSON lines of show and export.
codec::Value json_of(const review::SessionSummary& session);
codec::Value json_of(const review::EventView& event);
codec::Value json_of(const review::OperationView& operation, bool bodies);

/// Whether `out` is this process's standard output, on a terminal, with colours welcome.
bool wants_colour(const std::ostream& out);

}  // namespace narrows::apps
