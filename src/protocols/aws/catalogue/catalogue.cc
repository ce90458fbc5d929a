#include "protocols/aws/catalogue/catalogue.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/check.h"
#include "codec/text.h"

extern "C" {
extern const std::uint8_t narrows_aws_catalogue_begin[];
extern const std::uint8_t narrows_aws_catalogue_end[];
}

namespace narrows::aws {
namespace {

enum InfoRow : std::uint32_t { kModelsVersion, kIamDataVersion, kWithoutAction, kMoreModels };

/// Where a service of that id would stand among the services, which are ordered by id.
template <class Rows, class Name>
auto find_named(const Rows& rows, std::string_view wanted, Name name)
    -> std::optional<decltype(rows[0])> {
    std::size_t first = 0;
    std::size_t count = rows.size();
    while (count > 0) {
        const std::size_t half = count / 2;
        if (name(rows[first + half]) < wanted) {
            first += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    if (first == rows.size() || name(rows[first]) != wanted) return std::nullopt;
    return rows[first];
}

auto broken(std::string what) {
    return fail(ErrorCode::corrupt,
                "The AWS catalogue cannot be used: " + std::move(what) + ". Build it again.");
}

bool good_shape(Shape shape) {
    const std::size_t members = shape.members().size();
    if (shape.kind() == ShapeKind::list) return members == 1;
    if (shape.kind() == ShapeKind::map) return members == 2;
    return shape.kind() == ShapeKind::structure || members == 0;
}

Result<void> check_shapes(const Catalogue& catalogue) {
    const Tables& tables = catalogue.tables();
    for (std::uint32_t row = 0; row < tables.rows(Table::shape); ++row) {
        const std::uint32_t payload = tables.cell(Table::shape, row, 4);
        const bool good_payload = payload == kNone || payload < tables.cell(Table::shape, row, 3);
        if (!good_shape(Shape(&catalogue, row)) || !good_payload) {
            return broken(fmt::format("shape {} is none", row));
        }
    }
    for (std::uint32_t row = 0; row < tables.rows(Table::member); ++row) {
        const Member member(&catalogue, row);
        if (member.location() > Location::payload ||
            member.timestamp_format() > TimestampFormat::rfc822) {
            return broken(fmt::format("member {} is none", row));
        }
    }
    return ok();
}

Result<void> check_operations(const Catalogue& catalogue) {
    for (const Service service : catalogue.services()) {
        std::string_view before;
        for (const Operation operation : service.operations()) {
            if (operation.service() != service || operation.name() <= before ||
                operation.effect() > model::EffectClass::by_reference ||
                operation.auth() > Auth::bearer ||
                operation.no_action() != operation.accesses().empty()) {
                return broken(fmt::format("operation {} is none", operation.row()));
            }
            before = operation.name();
        }
    }
    const std::uint32_t rules = catalogue.tables().rows(Table::access);
    for (std::uint32_t row = 0; row < rules; ++row) {
        if (AccessRule(&catalogue, row).resources().empty()) {
            return broken(fmt::format("access {} has no resource", row));
        }
    }
    return ok();
}

/// Service ids and actions are searched by halving: they must be ordered.
Result<void> check_order(const Catalogue& catalogue) {
    std::string_view before;
    for (const Service service : catalogue.services()) {
        if (service.id() <= before) return broken("its services are not ordered");
        before = service.id();
    }
    std::string action_before;
    for (const Action action : catalogue.actions()) {
        std::string name = codec::lower(action.name());
        if (name <= action_before) return broken("its actions are not ordered");
        action_before = std::move(name);
    }
    return ok();
}

}  // namespace

const char* name_of(Protocol protocol) {
    switch (protocol) {
        case Protocol::query:
            return "query";
        case Protocol::ec2:
            return "ec2";
        case Protocol::json:
            return "json";
        case Protocol::rest_json:
            return "rest-json";
        case Protocol::rest_xml:
            return "rest-xml";
        case Protocol::rpc_v2_cbor:
            return "rpc-v2-cbor";
    }
    return "unknown";
}

Result<Catalogue> Catalogue::load(ByteView binary) {
    NARROWS_TRY(const Tables tables, Tables::load(binary));
    if (tables.rows(Table::info) < kMoreModels) return broken("it does not say its versions");
    Catalogue catalogue(tables);
    NARROWS_TRY(check_shapes(catalogue));
    NARROWS_TRY(check_operations(catalogue));
    NARROWS_TRY(check_order(catalogue));
    catalogue.index_signing_names();
    return catalogue;
}

const Catalogue& Catalogue::embedded() {
    static const Catalogue catalogue = [] {
        const ByteView binary(narrows_aws_catalogue_begin, narrows_aws_catalogue_end);
        Result<Catalogue> loaded = load(binary);
        NARROWS_CHECK(loaded.has_value(), "the AWS catalogue in this program is damaged");
        return std::move(loaded).value();
    }();
    return catalogue;
}

Info Catalogue::info() const {
    Info info;
    info.models_version = tables_.string(Table::info, kModelsVersion, 0);
    info.iam_data_version = tables_.string(Table::info, kIamDataVersion, 0);
    for (std::uint32_t row = kMoreModels; row < tables_.rows(Table::info); ++row) {
        info.more_models.push_back(tables_.string(Table::info, row, 0));
    }
    info.digest = tables_.digest();
    info.services = tables_.rows(Table::service);
    info.operations = tables_.rows(Table::operation);
    info.actions = tables_.rows(Table::action);
    const std::string_view without = tables_.string(Table::info, kWithoutAction, 0);
    std::from_chars(without.data(), without.data() + without.size(), info.without_action);
    return info;
}

Range<Service> Catalogue::services() const {
    return {this, 0, tables_.rows(Table::service)};
}

std::optional<Service> Catalogue::service(std::string_view id) const {
    return find_named(services(), id, [](Service service) { return service.id(); });
}

std::vector<Service> Catalogue::services_signed_as(std::string_view signing_name) const {
    std::vector<Service> found;
    const auto rows = signed_as_.find(signing_name);
    if (rows == signed_as_.end()) return found;
    for (const std::uint32_t row : rows->second) found.push_back({this, row});
    return found;
}

void Catalogue::index_signing_names() {
    for (const Service service : services()) {
        for (const Text name : service.signing_names()) {
            std::vector<std::uint32_t>& rows = signed_as_[name.text()];
            if (rows.empty() || rows.back() != service.row()) rows.push_back(service.row());
        }
    }
}

std::optional<Operation> Service::operation(std::string_view name) const {
    return find_named(operations(), name, [](Operation operation) { return operation.name(); });
}

Range<Action> Catalogue::actions() const {
    return {this, 0, tables_.rows(Table::action)};
}

std::optional<Action> Catalogue::find_action(std::string_view name) const {
    const std::string wanted = codec::lower(name);
    return find_named(actions(), wanted, [](Action action) { return codec::lower(action.name()); });
}

}  // namespace narrows::aws
