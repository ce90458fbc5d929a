#include "protocols/aws/decode/carried_url.h"

#include <set>

#include "protocols/aws/decode/test_support.h"

namespace narrows::aws {
namespace {

Operation operation(std::string_view service, std::string_view name) {
    return *Catalogue::embedded().service(service)->operation(name);
}

/// botocore/handlers.py (inject_presigned_url_ec2, inject_presigned_url_rds) and, for the fifth of
/// RDS, Neptune's and DocumentDB's API references.
TEST(CarriedUrl, is_taken_by_these_operations_and_no_other) {
    std::set<std::string> found;
    for (const Service service : Catalogue::embedded().services()) {
        for (const Operation each : service.operations()) {
            const std::string_view member = carried_url_member(each);
            if (member.empty()) continue;
            found.insert(std::string(service.id()) + ":" + std::string(each.name()) + " " +
                         std::string(member));
        }
    }
    const std::set<std::string> expected = {
        "docdb:CopyDBClusterSnapshot PreSignedUrl",
        "docdb:CreateDBCluster PreSignedUrl",
        "ec2:CopySnapshot PresignedUrl",
        "neptune:CopyDBClusterSnapshot PreSignedUrl",
        "neptune:CreateDBCluster PreSignedUrl",
        "rds:CopyDBClusterSnapshot PreSignedUrl",
        "rds:CopyDBSnapshot PreSignedUrl",
        "rds:CreateDBCluster PreSignedUrl",
        "rds:CreateDBInstanceReadReplica PreSignedUrl",
        "rds:StartDBInstanceAutomatedBackupsReplication PreSignedUrl"};
    EXPECT_EQ(found, expected);
}

TEST(CarriedUrl, regions_are_the_ones_that_are_signed_for) {
    const auto taken = [](Operation entry, const std::string& target) {
        http::RequestHead head{"GET", target, {}};
        const auto regions = take_regions(entry, "eu-west-1", "us-east-1", head);
        return regions ? regions.value() + " of " + head.target : "! " + regions.error().what;
    };
    const Operation ec2 = operation("ec2", "CopySnapshot");
    const Operation rds = operation("rds", "StartDBInstanceAutomatedBackupsReplication");
    EXPECT_EQ(taken(ec2, "/?A=1&SourceRegion=eu-west-1&DestinationRegion=us-east-1"),
              " of /?A=1&SourceRegion=eu-west-1&DestinationRegion=us-east-1");
    EXPECT_EQ(taken(rds, "/?A=1&DestinationRegion=us-east-1&B=%20"),
              "&DestinationRegion=us-east-1 of /?A=1&B=%20");
    EXPECT_EQ(taken(rds, "/?A=1"), " of /?A=1");
    EXPECT_EQ(taken(rds, "/"), " of /");
    for (const Operation each : {ec2, rds}) {
        EXPECT_EQ(taken(each, "/?SourceRegion=us-east-1"),
                  "! its SourceRegion is not eu-west-1, for which it is signed");
        EXPECT_EQ(taken(each, "/?DestinationRegion=us-east-1&Destination%52egion=eu-west-1"),
                  "! its DestinationRegion is not us-east-1, where the request goes");
        EXPECT_TRUE(taken(each, "/?SourceRegion=%2").starts_with("! "));
    }
}

TEST(CarriedUrl, a_form_is_split_around_the_value) {
    const auto split = [](std::string_view form) {
        const auto around = form_around(form, "Url");
        return around ? around.value().before + "*" + around.value().after
                      : std::string("! ") + name_of(around.error().code);
    };
    EXPECT_EQ(split("a=b&Url=https%3A%2F%2Fx&c=d"), "a=b&Url=*&c=d");
    EXPECT_EQ(split("%55rl=x=y"), "%55rl=*");
    EXPECT_EQ(split("Url="), "Url=*");
    for (const char* wrong : {"", "a=b", "Urls=1", "Url", "Url=1&a=b&Url=2", "%zz=1&Url=1"}) {
        EXPECT_EQ(split(wrong), "! invalid") << wrong;
    }
}

}  // namespace
}  // namespace narrows::aws
