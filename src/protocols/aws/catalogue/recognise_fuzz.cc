#include <string>
#include <string_view>
#include <vector>

#include "codec/text.h"
#include "protocols/aws/catalogue/recognise.h"

/// Lines: signing name, virtual bucket, method, target, then "Name: value" headers up to an empty
/// line, then the body.
namespace {

std::string_view take_line(std::string_view& text) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text = narrows::as_text({data, size});
    const std::string_view signing_name = take_line(text);
    const std::string_view bucket = take_line(text);
    narrows::http::RequestHead head;
    head.method = take_line(text);
    head.target = take_line(text);
    for (std::string_view line = take_line(text); !line.empty(); line = take_line(text)) {
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos) continue;
        const std::string_view value = narrows::codec::trim(line.substr(colon + 1));
        head.headers.push_back({std::string(line.substr(0, colon)), std::string(value)});
    }
    const auto& catalogue = narrows::aws::Catalogue::embedded();
    const auto found =
        narrows::aws::recognise(catalogue, {head, text, signing_name, "eu-west-1", {}, bucket});
    if (found && found.value().candidates.empty()) __builtin_trap();
    return 0;
}
