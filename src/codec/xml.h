#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "codec/text.h"

namespace narrows::codec {

inline constexpr std::size_t kXmlDepthMax = 64;
inline constexpr std::size_t kXmlNodesMax = 100'000;

/// An element with its local name (prefix dropped), attributes, text and children in order.
struct XmlElement {
    std::string name;
    std::string text;  ///< of all text nodes, concatenated
    std::vector<Pair> attributes;
    std::vector<XmlElement> children;

    const XmlElement* child(std::string_view name) const;
};

/// One well-formed document (by Expat). Refuses a DOCTYPE, entities beyond XML's five, processing
/// instructions, comments and CDATA sections (readers differ on what they leave of the text around
/// them), text beside child elements, and more depth or nodes than the bounds.
Result<XmlElement> xml_decode(std::string_view text);

/// The element as a document, without a declaration.
std::string xml_encode(const XmlElement& root);

/// Text or attribute value with XML's five characters escaped and controls dropped.
std::string xml_escape(std::string_view text);

}  // namespace narrows::codec
