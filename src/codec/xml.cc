#include "codec/xml.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>

#include <expat.h>

namespace narrows::codec {
namespace {

/// Expat joins namespace and local name with this when it resolves prefixes.
constexpr XML_Char kNamespaceSeparator = '\x1F';

constexpr bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

std::string local_name(const XML_Char* name) {
    const std::string_view whole(name);
    const std::size_t at = whole.rfind(kNamespaceSeparator);
    return std::string(at == std::string_view::npos ? whole : whole.substr(at + 1));
}

/// What Expat's callbacks build. Children are kept by value in their parents; the open elements
/// stand in `open` until their end tag moves them there.
struct Builder {
    XML_Parser parser;
    std::vector<XmlElement> open;
    XmlElement root;
    std::size_t nodes = 0;
    std::string why;

    void refuse(std::string_view reason) {
        if (why.empty()) why = reason;
        XML_StopParser(parser, XML_FALSE);
    }
    void count_node() {
        if (++nodes > kXmlNodesMax) refuse("it has too many nodes");
    }
};

bool has_text(const XmlElement& element) {
    for (const char c : element.text) {
        if (!is_blank(c)) return true;
    }
    return false;
}

void XMLCALL on_start(void* user, const XML_Char* name, const XML_Char** attributes) {
    auto& builder = *static_cast<Builder*>(user);
    builder.count_node();
    if (builder.open.size() >= kXmlDepthMax) return builder.refuse("it is nested too deeply");
    XmlElement element;
    element.name = local_name(name);
    for (; *attributes != nullptr; attributes += 2) {
        builder.count_node();
        std::string attribute = local_name(attributes[0]);
        for (const Pair& earlier : element.attributes) {
            if (earlier.name == attribute) return builder.refuse("an attribute stands twice");
        }
        element.attributes.push_back({std::move(attribute), attributes[1]});
    }
    builder.open.push_back(std::move(element));
}

void XMLCALL on_end(void* user, const XML_Char*) {
    auto& builder = *static_cast<Builder*>(user);
    if (!builder.why.empty()) return;
    XmlElement done = std::move(builder.open.back());
    builder.open.pop_back();
    if (!done.children.empty()) {
        if (has_text(done)) return builder.refuse("text stands beside child elements");
        done.text.clear();
    }
    if (builder.open.empty()) {
        builder.root = std::move(done);
    } else {
        builder.open.back().children.push_back(std::move(done));
    }
}

void XMLCALL on_text(void* user, const XML_Char* text, int size) {
    auto& builder = *static_cast<Builder*>(user);
    if (!builder.open.empty())
        builder.open.back().text.append(text, static_cast<std::size_t>(size));
}

void XMLCALL on_doctype(void* user, const XML_Char*, const XML_Char*, const XML_Char*, int) {
    static_cast<Builder*>(user)->refuse("it has a DOCTYPE");
}

void XMLCALL on_instruction(void* user, const XML_Char*, const XML_Char*) {
    static_cast<Builder*>(user)->refuse("it has a processing instruction");
}

void XMLCALL on_comment(void* user, const XML_Char*) {
    static_cast<Builder*>(user)->refuse("it has a comment");
}

void XMLCALL on_cdata(void* user) {
    static_cast<Builder*>(user)->refuse("it has a CDATA section");
}

void XMLCALL on_declaration(void* user, const XML_Char*, const XML_Char* encoding, int) {
    if (encoding != nullptr && !iequals(encoding, "utf-8")) {
        static_cast<Builder*>(user)->refuse("it is declared in an encoding other than UTF-8");
    }
}

// What Expat parses may be secret: its memory comes from where all of ours does, which is wiped
// when it goes. The size stands before each piece, since realloc must know it.
constexpr std::size_t kSizeBytes = alignof(std::max_align_t);

void* expat_allocate(std::size_t size) {
    auto* const memory =
        static_cast<std::uint8_t*>(::operator new(size + kSizeBytes, std::nothrow));
    if (memory == nullptr) return nullptr;
    std::memcpy(memory, &size, sizeof(size));
    return memory + kSizeBytes;
}

void expat_free(void* memory) {
    if (memory != nullptr) ::operator delete(static_cast<std::uint8_t*>(memory) - kSizeBytes);
}

void* expat_reallocate(void* memory, std::size_t size) {
    void* const grown = expat_allocate(size);
    if (memory == nullptr || grown == nullptr) return grown;
    std::size_t before = 0;
    std::memcpy(&before, static_cast<std::uint8_t*>(memory) - kSizeBytes, sizeof(before));
    std::memcpy(grown, memory, std::min(before, size));
    expat_free(memory);
    return grown;
}

using Parser = std::unique_ptr<std::remove_pointer_t<XML_Parser>, decltype(&XML_ParserFree)>;

Parser make_parser(Builder& builder) {
    const XML_Memory_Handling_Suite memory = {expat_allocate, expat_reallocate, expat_free};
    const XML_Char separator[] = {kNamespaceSeparator, 0};
    Parser parser(XML_ParserCreate_MM("UTF-8", &memory, separator), &XML_ParserFree);
    builder.parser = parser.get();
    if (parser == nullptr) return parser;
    XML_SetUserData(parser.get(), &builder);
    XML_SetElementHandler(parser.get(), on_start, on_end);
    XML_SetCharacterDataHandler(parser.get(), on_text);
    XML_SetStartDoctypeDeclHandler(parser.get(), on_doctype);
    XML_SetProcessingInstructionHandler(parser.get(), on_instruction);
    XML_SetCommentHandler(parser.get(), on_comment);
    XML_SetStartCdataSectionHandler(parser.get(), on_cdata);
    XML_SetXmlDeclHandler(parser.get(), on_declaration);
    return parser;
}

}  // namespace

const XmlElement* XmlElement::child(std::string_view wanted) const {
    for (const XmlElement& element : children) {
        if (element.name == wanted) return &element;
    }
    return nullptr;
}

Result<XmlElement> xml_decode(std::string_view text) {
    constexpr std::size_t kSizeMax = 0x7FFFFFFF;
    if (text.size() > kSizeMax) return fail(ErrorCode::exhausted, "the XML text is too long");
    Builder builder;
    const Parser parser = make_parser(builder);
    if (parser == nullptr) {
        return fail(ErrorCode::exhausted, "there is no memory to read the XML text");
    }
    const auto status =
        XML_Parse(parser.get(), text.data(), static_cast<int>(text.size()), XML_TRUE);
    if (!builder.why.empty() || status != XML_STATUS_OK) {
        const std::string why = builder.why.empty()
                                    ? std::string(XML_ErrorString(XML_GetErrorCode(parser.get())))
                                    : builder.why;
        return fail(ErrorCode::invalid, "the XML text is refused at line " +
                                            std::to_string(XML_GetCurrentLineNumber(parser.get())) +
                                            ": " + why);
    }
    return std::move(builder.root);
}

std::string xml_encode(const XmlElement& root) {
    std::string out = "<" + root.name;
    for (const Pair& attribute : root.attributes) {
        out += " " + attribute.name + "=\"" + xml_escape(attribute.value) + "\"";
    }
    out += ">" + xml_escape(root.text);
    for (const XmlElement& child : root.children) {
        out += xml_encode(child);
    }
    return out + "</" + root.name + ">";
}

std::string xml_escape(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (const char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            case '\'':
                out += "&apos;";
                break;
            case '\r':
                out += "&#13;";
                break;  // a bare one reads back as a line feed
            default: {
                const auto byte = static_cast<unsigned char>(c);
                const bool control = byte < 0x20 && !is_blank(c);
                if (!control && byte != 0x7F) out.push_back(c);
            }
        }
    }
    return out;
}

}  // namespace narrows::codec
