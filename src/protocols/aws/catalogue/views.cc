#include "protocols/aws/catalogue/catalogue.h"

/// The views' accessors: which column of which table (layout in tables.cc) says what.
namespace narrows::aws {
namespace {

bool bit(std::uint32_t flags, int number) {
    return (flags >> number) & 1;
}

std::string_view text_of(const Catalogue* catalogue, Table table, std::uint32_t row,
                         std::uint32_t column) {
    return catalogue->tables().string(table, row, column);
}
std::uint32_t cell_of(const Catalogue* catalogue, Table table, std::uint32_t row,
                      std::uint32_t column) {
    return catalogue->tables().cell(table, row, column);
}
template <class V>
Range<V> run_of(const Catalogue* catalogue, Table table, std::uint32_t row, std::uint32_t column) {
    return {catalogue, cell_of(catalogue, table, row, column),
            cell_of(catalogue, table, row, column + 1)};
}

/// The rare traits of a member stand in three text rows: ec2 name, XML namespace, its prefix.
std::string_view extra_of(const Catalogue* catalogue, std::uint32_t row, std::uint32_t which) {
    const std::uint32_t first = cell_of(catalogue, Table::member, row, 4);
    return first == kNone ? std::string_view{} : text_of(catalogue, Table::text, first + which, 0);
}

}  // namespace

#define TEXT(table, column) text_of(catalogue_, Table::table, row_, column)
#define CELL(table, column) cell_of(catalogue_, Table::table, row_, column)
#define RUN(view, table, column) run_of<view>(catalogue_, Table::table, row_, column)

std::string_view Member::name() const {
    return TEXT(member, 0);
}
bool Member::has_wire_name() const {
    return bit(CELL(member, 3), 18);
}
std::string_view Member::wire_name() const {
    return TEXT(member, has_wire_name() ? 1 : 0);
}
std::string Member::ec2_name() const {
    const std::string_view given = extra_of(catalogue_, row_, 0);
    if (!given.empty()) return std::string(given);
    std::string name(wire_name());
    if (!name.empty() && name[0] >= 'a' && name[0] <= 'z')
        name[0] = static_cast<char>(name[0] - 32);
    return name;
}
std::string_view Member::query_name() const {
    const std::string_view given = extra_of(catalogue_, row_, 0);
    return given.empty() ? wire_name() : given;
}
Shape Member::shape() const {
    return {catalogue_, CELL(member, 2)};
}
Location Member::location() const {
    return static_cast<Location>(CELL(member, 3) & 15);
}
TimestampFormat Member::timestamp_format() const {
    return static_cast<TimestampFormat>((CELL(member, 3) >> 4) & 15);
}
bool Member::required() const {
    return bit(CELL(member, 3), 8);
}
bool Member::flattened() const {
    return bit(CELL(member, 3), 9);
}
bool Member::xml_attribute() const {
    return bit(CELL(member, 3), 10);
}
bool Member::json_value() const {
    return bit(CELL(member, 3), 11);
}
bool Member::streaming() const {
    return bit(CELL(member, 3), 12);
}
bool Member::event_stream() const {
    return bit(CELL(member, 3), 13);
}
bool Member::event_header() const {
    return bit(CELL(member, 3), 14);
}
bool Member::event_payload() const {
    return bit(CELL(member, 3), 15);
}
bool Member::idempotency_token() const {
    return bit(CELL(member, 3), 16);
}
bool Member::host_label() const {
    return bit(CELL(member, 3), 17);
}
std::string_view Member::xml_namespace() const {
    return extra_of(catalogue_, row_, 1);
}
std::string_view Member::xml_namespace_prefix() const {
    return extra_of(catalogue_, row_, 2);
}

std::string_view Shape::name() const {
    return TEXT(shape, 0);
}
ShapeKind Shape::kind() const {
    return static_cast<ShapeKind>(CELL(shape, 1) & 255);
}
bool Shape::is_union() const {
    return bit(CELL(shape, 1), 8);
}
bool Shape::is_event_stream() const {
    return bit(CELL(shape, 1), 9);
}
bool Shape::is_sensitive() const {
    return bit(CELL(shape, 1), 10);
}
Range<Member> Shape::members() const {
    return RUN(Member, shape, 2);
}
std::optional<Member> Shape::member(std::string_view name) const {
    for (const Member one : members()) {
        if (one.name() == name) return one;
    }
    return std::nullopt;
}
std::optional<Member> Shape::member_by_wire_name(std::string_view name) const {
    for (const Member one : members()) {
        if (one.wire_name() == name) return one;
    }
    return std::nullopt;
}
Member Shape::element() const {
    return members()[0];
}
Member Shape::key() const {
    return members()[0];
}
Member Shape::value() const {
    return members()[1];
}
std::optional<Member> Shape::payload() const {
    const std::uint32_t index = CELL(shape, 4);
    if (index == kNone) return std::nullopt;
    return members()[index];
}
std::string_view Shape::xml_name() const {
    return TEXT(shape, 5);
}
std::string_view Shape::xml_namespace() const {
    return TEXT(shape, 6);
}

std::string_view Hole::name() const {
    return TEXT(hole, 0);
}
std::string_view Hole::path() const {
    return TEXT(hole, 1);
}
Fill Hole::fill() const {
    return static_cast<Fill>(CELL(hole, 2));
}
std::string_view Hole::otherwise() const {
    return TEXT(hole, 3);
}

std::string_view ResourceRule::type() const {
    return TEXT(resource, 0);
}
std::string_view ResourceRule::arn() const {
    return TEXT(resource, 1);
}
bool ResourceRule::optional() const {
    return bit(CELL(resource, 2), 0);
}
Range<Hole> ResourceRule::holes() const {
    return RUN(Hole, resource, 3);
}

std::string_view ConditionRule::key() const {
    return TEXT(condition, 0);
}
std::string_view ConditionRule::tag_keys() const {
    if (key() == "aws:RequestTag/") return "aws:TagKeys";
    if (key() == "s3:RequestObjectTag/") return "s3:RequestObjectTagKeys";
    if (key() == "kms:EncryptionContext:") return "kms:EncryptionContextKeys";
    return {};
}
ConditionFrom ConditionRule::from() const {
    return static_cast<ConditionFrom>(CELL(condition, 1));
}
std::string_view ConditionRule::path() const {
    return TEXT(condition, 2);
}
std::string_view ConditionRule::key_name() const {
    return TEXT(condition, 3);
}
std::string_view ConditionRule::value_name() const {
    return TEXT(condition, 4);
}

std::string_view AccessRule::action() const {
    return TEXT(access, 0);
}
model::EffectClass AccessRule::effect() const {
    const std::optional<Action> found = catalogue_->find_action(action());
    return found ? found->effect() : model::EffectClass::write;
}
When AccessRule::when() const {
    return static_cast<When>(CELL(access, 1));
}
std::string_view AccessRule::when_path() const {
    return TEXT(access, 2);
}
Range<ResourceRule> AccessRule::resources() const {
    return RUN(ResourceRule, access, 3);
}
Range<ConditionRule> AccessRule::conditions() const {
    return RUN(ConditionRule, access, 5);
}

std::string_view Literal::name() const {
    return TEXT(literal, 0);
}
std::string_view Literal::value() const {
    return TEXT(literal, 1);
}
bool Literal::any_value() const {
    return bit(CELL(literal, 2), 0);
}
bool Literal::is_header() const {
    return bit(CELL(literal, 2), 1);
}

std::string_view Text::text() const {
    return TEXT(text, 0);
}

std::string_view Operation::name() const {
    return TEXT(operation, 0);
}
Service Operation::service() const {
    return {catalogue_, CELL(operation, 1)};
}
std::string_view Operation::method() const {
    return TEXT(operation, 2);
}
std::string_view Operation::uri() const {
    return TEXT(operation, 3);
}
std::string_view Operation::host_prefix() const {
    return TEXT(operation, 4);
}
std::string_view Operation::checksum_member() const {
    return TEXT(operation, 5);
}
bool Operation::has_input() const {
    return CELL(operation, 6) != kNone;
}
Shape Operation::input() const {
    return {catalogue_, CELL(operation, 6)};
}
Range<Literal> Operation::literals() const {
    return RUN(Literal, operation, 7);
}
Range<AccessRule> Operation::accesses() const {
    return RUN(AccessRule, operation, 9);
}
Range<Text> Operation::secret_inputs() const {
    return RUN(Text, operation, 11);
}
Range<Text> Operation::secret_outputs() const {
    return RUN(Text, operation, 13);
}
Auth Operation::auth() const {
    return static_cast<Auth>(CELL(operation, 15) & 3);
}
model::EffectClass Operation::effect() const {
    return static_cast<model::EffectClass>((CELL(operation, 15) >> 2) & 7);
}
bool Operation::streaming_input() const {
    return bit(CELL(operation, 15), 5);
}
bool Operation::streaming_output() const {
    return bit(CELL(operation, 15), 6);
}
bool Operation::event_stream_input() const {
    return bit(CELL(operation, 15), 7);
}
bool Operation::event_stream_output() const {
    return bit(CELL(operation, 15), 8);
}
bool Operation::unsigned_payload() const {
    return bit(CELL(operation, 15), 9);
}
bool Operation::returns_credentials() const {
    return bit(CELL(operation, 15), 10);
}
bool Operation::request_compression() const {
    return bit(CELL(operation, 15), 11);
}
bool Operation::checksum_required() const {
    return bit(CELL(operation, 15), 12);
}
bool Operation::deprecated() const {
    return bit(CELL(operation, 15), 13);
}
bool Operation::no_action() const {
    return bit(CELL(operation, 15), 14);
}
bool Operation::s3_express_only() const {
    return bit(CELL(operation, 15), 15);
}
std::uint32_t Operation::endpoint_variant() const {
    return CELL(operation, 15) >> 24;
}

std::string_view Service::id() const {
    return TEXT(service, 0);
}
std::string_view Service::title() const {
    return TEXT(service, 1);
}
std::string_view Service::signing_name() const {
    return TEXT(service, 2);
}
std::string_view Service::iam_prefix() const {
    return TEXT(service, 3);
}
std::string_view Service::endpoint_prefix() const {
    return TEXT(service, 4);
}
std::string_view Service::target_prefix() const {
    return TEXT(service, 5);
}
std::string_view Service::api_version() const {
    return TEXT(service, 6);
}
std::string_view Service::json_version() const {
    return TEXT(service, 7);
}
std::string_view Service::xml_namespace() const {
    return TEXT(service, 8);
}
Range<Operation> Service::operations() const {
    return RUN(Operation, service, 9);
}
Range<Text> Service::signing_names() const {
    return RUN(Text, service, 11);
}
Protocols Service::protocols() const {
    return Protocols(static_cast<std::uint8_t>(CELL(service, 15) & 255));
}
bool Service::query_compatible() const {
    return bit(CELL(service, 15), 8);
}
bool Service::is_s3() const {
    return bit(CELL(service, 15), 9);
}

std::string_view Action::name() const {
    return TEXT(action, 0);
}
model::EffectClass Action::effect() const {
    return static_cast<model::EffectClass>(CELL(action, 1) & 255);
}
bool Action::has_resource_types() const {
    return bit(CELL(action, 1), 8);
}

#undef TEXT
#undef CELL
#undef RUN

}  // namespace narrows::aws
