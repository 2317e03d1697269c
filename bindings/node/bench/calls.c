/* What a call through Node-API costs whatever is behind it: rows of the
 * benchmark. Node-API is a stable ABI: these declarations are all it needs. */

#include <stddef.h>
#include <stdint.h>

typedef struct napi_env__ *napi_env;
typedef struct napi_value__ *napi_value;
typedef struct napi_callback_info__ *napi_callback_info;
typedef napi_value (*napi_callback)(napi_env, napi_callback_info);

int napi_get_cb_info(napi_env, napi_callback_info, size_t *, napi_value *, napi_value *, void **);
int napi_get_value_uint32(napi_env, napi_value, uint32_t *);
int napi_get_value_string_utf8(napi_env, napi_value, char *, size_t, size_t *);
int napi_create_int64(napi_env, int64_t, napi_value *);
int napi_create_function(napi_env, const char *, size_t, napi_callback, void *, napi_value *);
int napi_set_named_property(napi_env, napi_value, const char *, napi_value);

/* call(): nothing. */
static napi_value call(napi_env env, napi_callback_info info) {
    (void)env;
    (void)info;
    return NULL;
}

/* callWithKey(handle, key): what no lookup by a string can do without. */
static napi_value call_with_key(napi_env env, napi_callback_info info) {
    napi_value values[2] = {0}, result = NULL;
    size_t count = 2, length = 0;
    uint32_t handle = 0;
    char key[512];
    napi_get_cb_info(env, info, &count, values, NULL, NULL);
    napi_get_value_uint32(env, values[0], &handle);
    napi_get_value_string_utf8(env, values[1], key, sizeof key, &length);
    napi_create_int64(env, (int64_t)length, &result);
    return result;
}

static void add(napi_env env, napi_value exports, const char *name, napi_callback callback) {
    napi_value function;
    if (napi_create_function(env, name, (size_t)-1, callback, NULL, &function) == 0)
        napi_set_named_property(env, exports, name, function);
}

napi_value napi_register_module_v1(napi_env env, napi_value exports) {
    add(env, exports, "call", call);
    add(env, exports, "callWithKey", call_with_key);
    return exports;
}
