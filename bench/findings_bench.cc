// What the search for credentials in answers costs: MB/s over bodies of 64 MiB in stretches of 64 KiB, beside SHA-256 of the
// same bytes, which every answer pays too. Prints Markdown.
#include <cstdio>
#include <ctime>
#include <functional>
#include <string>

#include "crypto/hash.h"
#include "protocols/aws/decode/leaks.h"

namespace {

using namespace narrows;

constexpr std::size_t kSize = 64u << 20;
constexpr std::size_t kStretch = 64u << 10;

double mb_per_s(const Bytes& body, const std::function<void(ByteView)>& take) {
    const std::clock_t begun = std::clock();  // of the processor, so that others on the machine do not count
    for (std::size_t at = 0; at < body.size(); at += kStretch) {
        take(ByteView(body).subspan(at, kStretch));
    }
    const double took = static_cast<double>(std::clock() - begun) / CLOCKS_PER_SEC;
    return static_cast<double>(body.size()) / 1e6 / took;
}

Bytes repeated(std::string_view text) {
    Bytes out;
    while (out.size() < kSize) append(out, as_bytes(text));
    out.resize(kSize);
    return out;
}

Bytes random_bytes() {
    Bytes out;
    while (out.size() < kSize) append(out, crypto::random_bytes(1u << 20));
    return out;
}

void measure(const char* what, const Bytes& body) {
    aws::LeakScan scan;
    crypto::Hasher hasher;
    const double scanned = mb_per_s(body, [&](ByteView part) { scan.push(part); });
    const double hashed = mb_per_s(body, [&](ByteView part) { hasher.update(part); });
    scan.finish();
    std::printf("| %s | %.0f | %.0f |\n", what, scanned, hashed);
}

}  // namespace

int main() {
    std::printf("| body | search MB/s | SHA-256 MB/s |\n|---|---|---|\n");
    measure("random", random_bytes());
    measure("text", repeated("The orders of week 46 were summarised for the Monday meeting.\n"));
    measure("JSON", repeated(R"({"Id":"A-1","Name":"Ada","Amount":12.50,"Tags":["AWS","SALE"]},)"));
    measure("dashes, the worst", repeated("----------------"));
    measure("nearly key ids", repeated("AKIA ASIA AKIB ASIB "));
    return 0;
}
