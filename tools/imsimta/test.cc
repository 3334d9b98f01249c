// imsimta test: which test is asked for.
#include "tools/imsimta/test.h"

#include <cerrno>
#include <cstdio>

#include "common/base/strings.h"
#include "tools/imsimta/command.h"

namespace waxwing::imsimta {

Result<int> run_test(const Context& context, Arguments arguments) {
  std::string output;
  if (arguments.take("output", &output) && std::freopen(output.c_str(), "we", stdout) == nullptr)
    return std::unexpected(system_error("cannot write " + printable(output), errno));
  if (arguments.take("rewrite")) return test_rewrite(context, std::move(arguments));
  if (arguments.take("mapping")) return test_mapping(context, std::move(arguments));
  if (arguments.take("match")) return test_match(std::move(arguments));
  if (arguments.take("url")) return test_url(context, std::move(arguments));
  if (arguments.take("domain_map") || arguments.take("domain"))
    return test_domain_map(context, std::move(arguments));
  return permanent(
      "say what to test: -rewrite, -mapping, -match, -url or -domain_map; imsimta test -help tells more");
}

Result<mta::SourceSet> sources_for_test(const Context& context, Arguments& arguments, bool& published) {
  published = !arguments.take("edited");
  struct Replaced {
    const char* qualifier;
    const char* file;
  };
  constexpr Replaced kReplaced[] = {{"mapping_file", "mappings"},
                                    {"alias_file", "aliases"},
                                    {"configuration_file", "imta.cnf"},
                                    {"option_file", "option.dat"}};
  TRY(auto sources, mta::read_sources(context.root));
  for (const auto& [qualifier, file] : kReplaced) {
    std::string path;
    if (!arguments.take(qualifier, &path)) continue;
    published = false;
    TRY(auto text, read_file(path));
    sources.set_file(file, std::move(text));
  }
  return sources;
}

Result<std::shared_ptr<const mta::MtaConfig>> config_for_test(const Context& context, Arguments& arguments) {
  bool published = true;
  TRY(auto sources, sources_for_test(context, arguments, published));
  if (published && file_exists(context.root + "/config/built/mta.built"))
    return mta::MtaConfig::load(context.root);
  return mta::MtaConfig::parse(std::move(sources), context.root);
}

}  // namespace waxwing::imsimta
