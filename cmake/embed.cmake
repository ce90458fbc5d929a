# cmake -DOUT=FILE.cc "-DFILES=NAME=PATH|NAME=PATH…" -P embed.cmake
# Writes a source in which bundle_texts() gives each text file's content under its NAME.
string(REPLACE "|" ";" pairs "${FILES}")
set(rows "")
set(arrays "")
set(number 0)
foreach(pair IN LISTS pairs)
    string(REGEX MATCH "^([^=]+)=(.+)$" _ "${pair}")
    file(READ "${CMAKE_MATCH_2}" hex HEX)
    set(name "${CMAKE_MATCH_1}")
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
    string(APPEND arrays "const unsigned char kText${number}[] = {${bytes}};\n")
    string(APPEND rows "        {\"${name}\", {reinterpret_cast<const char*>(kText${number}), sizeof(kText${number})}},\n")
    math(EXPR number "${number} + 1")
endforeach()
file(WRITE "${OUT}"
    "#include \"apps/recording/bundle_texts.h\"\n\nnamespace narrows::apps {\nnamespace {\n\n${arrays}\n}  // namespace\n\n"
    "std::vector<std::pair<std::string, std::string_view>> bundle_texts() {\n    return {\n${rows}    };\n}\n\n"
    "}  // namespace narrows::apps\n")
